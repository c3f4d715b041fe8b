import { createHash } from 'node:crypto';
import type { TinyAci } from './tiny-aci.ts';

/** So large that taking it in takes several writes. */
const FILE_BYTES = 3 * 1024 * 1024;

/** An image whose bytes follow from its name. */
export function imageNamed(name: string): TinyAci {
  const seed = createHash('sha256').update(name).digest();

  return { name, version: '1', files: { data: Buffer.alloc(FILE_BYTES, seed) } };
}
