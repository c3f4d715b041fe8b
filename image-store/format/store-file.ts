import { renameSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { readPlainFile } from '#base/fs/plain-file';
import { removePath } from '#base/fs/remove-path';

/**
 * The text of a file of the store.
 * @returns undefined when there is none
 * @throws GantryError STORE_DAMAGED when something else lies there, and what open(2) says of permission
 */
export function readStoreFile(path: string): string | undefined {
  return readPlainFile(path, {
    code: 'STORE_DAMAGED',
    hint: 'move it away and fetch the image again, or run "gantry image gc"',
  });
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
