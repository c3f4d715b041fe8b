import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { targetError } from './target-error.ts';

/**
 * Where a file goes that replaces what is there: what a link leads to is
 * replaced, not the link, and nothing but a file; a device would be gone for all.
 * @throws GantryError TARGET_REFUSED, other TARGET_*
 */
export function replaceableFile(target: string): string {
  const path = resolve(target);
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return path;
    if (stats.isFile()) return realpathSync(path);
  } catch (error) {
    throw targetError(error, `export to "${target}"`);
  }

  throw new GantryError(
    'TARGET_REFUSED',
    `cannot export to "${target}": it is there, and no file`,
    {
      hint: 'name another file',
    },
  );
}
