import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';

/** What is where in a stage1 root; written when the image is built, for it depends on the machine that it was built on. */
export interface Stage1Root {
  /** Of this record. */
  readonly version: 1;
  /** The dynamic loader; paths are absolute inside stage1. */
  readonly loader: string;
  readonly libraryPath: readonly string[];
  readonly nspawn: string;
  readonly systemdVersion: number;
}

/** Where the record lies inside stage1. */
export const STAGE1_ROOT_PATH = '/usr/lib/gantry/stage1.json';

/**
 * Reads the record of a stage1 root. It is as true as the rest of the image,
 * whose signature was checked.
 * @throws GantryError STAGE1_ROOT_INVALID when it is of another version
 */
export function readStage1Root(root: string): Stage1Root {
  const path = join(root, STAGE1_ROOT_PATH);
  const record = JSON.parse(readFileSync(path, 'utf8')) as Stage1Root;
  if (record.version === 1) return record;

  throw new GantryError(
    'STAGE1_ROOT_INVALID',
    `cannot use the stage1 root "${root}": its record is of version ${String(record.version)}`,
  );
}
