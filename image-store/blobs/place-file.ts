import { dirname, join } from 'node:path';
import { syncDir, writeFileAtomic } from '#base/fs/atomic';
import type { StoreContext } from '../format/context.ts';
import { STORE_FILE_MODE } from '../format/permissions.ts';
import { moveIntoStore } from '../format/store-file.ts';
import { makeTempEntry } from './temp-entry.ts';

/**
 * Puts a small file of the store in place whole or not at all, by way of tmp/,
 * so that one left by a killed process is swept and lies in nobody's way.
 */
export function placeFile({ kernel, dir }: StoreContext, path: string, text: string): void {
  using entry = makeTempEntry(kernel, dir, 'file');
  const incoming = join(entry.path, 'file');
  writeFileAtomic(incoming, text, { mode: STORE_FILE_MODE });
  moveIntoStore(incoming, path);
  syncDir(dirname(path));
}
