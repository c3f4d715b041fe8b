import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What goes into `dist`, beside the libraries that the lock file names. */
const SOURCES = [
  '{base,schema,image-store,cni,stage1,stage1-*,stage0,scripts}/**/*.{ts,sh,json,service,target,timer}',
  'package.json',
  'package-lock.json',
];

/** A digest of everything that `dist` is built from, hexadecimal. */
export function sourceStamp(top: string): string {
  const digest = createHash('sha256').update(process.version);
  for (const name of globSync(SOURCES, { cwd: top }).sort()) {
    if (name.endsWith('.test.ts')) continue;
    digest.update(`${name}\0`).update(readFileSync(join(top, name)));
  }

  return digest.digest('hex');
}
