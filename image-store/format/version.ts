import { writeFileAtomic } from '#base/fs/atomic';
import { GantryError } from '#base/errors/gantry-error';
import { readPlainFile } from '#base/fs/plain-file';
import { versionPath } from './layout.ts';
import { STORE_FILE_MODE } from './permissions.ts';

/** The on-disk format that this program writes; docs/on-disk-format.md lists them all. */
export const STORE_VERSION = 2;

/**
 * The format that a store is in.
 * @returns undefined when the store does not say
 * @throws GantryError STORE_DAMAGED
 */
export function readStoreVersion(dir: string): number | undefined {
  const hint = `write the number of the store's format into it, ${STORE_VERSION} for this program`;
  const text = readPlainFile(versionPath(dir), {
    code: 'STORE_DAMAGED',
    hint: `put a file there with the number of the store's format, ${STORE_VERSION} for this program`,
  });
  if (text === undefined) return undefined;
  if (/^\d{1,9}\n?$/.test(text)) return Number(text);

  throw new GantryError(
    'STORE_DAMAGED',
    `cannot use image store "${dir}": "${versionPath(dir)}" does not hold a number`,
    { hint },
  );
}

/** Says which format a store is in, durably. */
export function writeStoreVersion(dir: string, version: number): void {
  writeFileAtomic(versionPath(dir), `${version}\n`, { mode: STORE_FILE_MODE });
}

/**
 * Refuses a format that a newer program made.
 * @throws GantryError STORE_TOO_NEW
 */
export function refuseNewer(dir: string, found: number, known: number): void {
  if (found <= known) return;

  throw new GantryError(
    'STORE_TOO_NEW',
    `cannot use image store "${dir}": its format is ${found}, this program knows formats up to ${known}`,
    { hint: 'use the newer gantry that made it, or choose another data directory with --dir' },
  );
}
