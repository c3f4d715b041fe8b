import { lstatSync, readlinkSync } from 'node:fs';
import { errorCode, GantryError } from '../errors/gantry-error.ts';
import { below } from './below.ts';

/** MAXSYMLINKS of path_resolution(7). */
const MAX_LINKS = 40;

/**
 * Resolves a path as a process would that had `root` as its root directory:
 * links are followed, absolute ones start again at `root`, `..` stops there.
 * Parts that do not exist are kept as they are.
 * @param path as seen from inside, absolute or not
 * @param passed is told of each folder in which something is looked up, as seen from outside
 * @returns the path seen from outside, always below `root`
 * @throws GantryError PATH_TOO_MANY_LINKS
 */
export function resolveInside(
  root: string,
  path: string,
  passed?: (folder: string) => void,
): string {
  const pending = path.split('/').filter(Boolean);
  const resolved: string[] = [];
  let links = 0;

  while (pending.length > 0) {
    const part = pending.shift() as string;
    passed?.(below(root, ...resolved));
    if (part === '.') continue;
    if (part === '..') {
      resolved.pop();
      continue;
    }

    const target = readLink(below(root, ...resolved, part));
    if (target === undefined) {
      resolved.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) {
      throw new GantryError(
        'PATH_TOO_MANY_LINKS',
        `cannot resolve "${path}" inside "${root}": too many symbolic links`,
      );
    }
    if (target.startsWith('/')) resolved.length = 0;
    pending.unshift(...target.split('/').filter(Boolean));
  }

  return below(root, ...resolved);
}

function readLink(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
