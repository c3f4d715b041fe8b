import { isGantryError } from '#base/errors/gantry-error';
import { BLOCK, decodeBlock } from './tar-block.ts';

/** How an archive is packed (appc, ACI: tar, gzip, bzip2 and xz; zstd beside them). */
export type Packing = 'plain' | 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** So many first bytes `packingOf` wants to see, of an archive that has them. */
export const MAGIC_BYTES: number = BLOCK;

/** The .xz File Format, 2.1.1.1. */
export const XZ_MAGIC: Buffer = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);

const MAGICS: readonly (readonly [Packing, readonly number[]])[] = [
  // RFC 1952, 2.3.1
  ['gzip', [0x1f, 0x8b, 0x08]],
  // "BZh", bzip2 1.0 format
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [...XZ_MAGIC]],
  // RFC 8878, 3.1.1
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

/**
 * Tells how an archive is packed by its first bytes.
 * @returns undefined for what is no archive at all
 */
export function packingOf(head: Buffer): Packing | undefined {
  const known = MAGICS.find(([, magic]) => magic.every((byte, index) => head[index] === byte));
  if (known !== undefined) return known[0];

  return isTar(head) ? 'plain' : undefined;
}

function isTar(head: Buffer): boolean {
  if (head.length < MAGIC_BYTES) return false;
  try {
    return decodeBlock(head.subarray(0, BLOCK)) !== undefined;
  } catch (error) {
    if (isGantryError(error)) return false;
    throw error;
  }
}
