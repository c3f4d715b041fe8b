import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';

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

const absolute = v.pipe(v.string(), v.startsWith('/'));
const schema = v.object({
  version: v.literal(1),
  loader: absolute,
  libraryPath: v.array(absolute),
  nspawn: absolute,
  systemdVersion: v.number(),
});

/**
 * Reads the record of a stage1 root.
 * @throws GantryError STAGE1_ROOT_INVALID
 */
export function readStage1Root(root: string): Stage1Root {
  const path = join(root, STAGE1_ROOT_PATH);

  return decodeJson(schema, readFileSync(path, 'utf8'), {
    what: `"${path}"`,
    code: 'STAGE1_ROOT_INVALID',
  });
}
