import { renameSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { readPlainFile } from '#base/fs/plain-file';
import { removePath } from '#base/fs/remove-path';

const REPAIR = 'fetch the image again, or run "gantry image gc"';

/**
 * The text of a file of the store.
 * @param hint what to do when something else lies there
 * @returns undefined when there is none
 * @throws GantryError STORE_DAMAGED when something else lies there, and what open(2) says of permission
 */
export function readStoreFile(path: string, hint: string = REPAIR): string | undefined {
  return readPlainFile(path, { code: 'STORE_DAMAGED', hint });
}

/** Renames a file to where it belongs in the store, whatever lies there. */
export function moveIntoStore(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (errorCode(error) !== 'EISDIR') throw error;
    removePath(to, { recursive: true });
    renameSync(from, to);
  }
}
