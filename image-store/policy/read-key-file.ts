import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';

/** A key, or a certificate, that a policy names by its path. @throws GantryError FILE_UNREADABLE */
export function readKeyFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GantryError(
      'FILE_UNREADABLE',
      `cannot read the key in "${path}": ${fileState(cause)}`,
      { cause },
    );
  }
}
