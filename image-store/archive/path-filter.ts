import type { EntryType } from './entry.ts';

/** Which entries of one image belong into a rendered tree. */
export interface PathFilter {
  /** @param path below the root file system, clean; the empty string is its root, which always stays */
  keeps(path: string, type: EntryType): boolean;
}

/**
 * The filter of an image's `pathWhitelist` and those of every image that
 * depends on it: a path stays when each list that is not empty names it. A list
 * is complete (appc spec): a directory does not stand for what lies in it. The
 * directories on the way to a listed path stay too.
 * @returns undefined when there is nothing to filter by
 */
export function createPathFilter(
  whitelists: readonly (readonly string[])[],
): PathFilter | undefined {
  const lists = whitelists.filter((list) => list.length > 0).map(readList);
  if (lists.length === 0) return undefined;

  return {
    keeps: (path, type) =>
      path === '' ||
      lists.every(
        ({ named, above }) => named.has(path) || (type === 'directory' && above.has(path)),
      ),
  };
}

interface PathList {
  readonly named: ReadonlySet<string>;
  /** The directories above the named paths. */
  readonly above: ReadonlySet<string>;
}

function readList(paths: readonly string[]): PathList {
  const named = new Set<string>();
  const above = new Set<string>();
  for (const path of paths) {
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    named.add(parts.join('/'));
    for (let i = 1; i < parts.length; i++) above.add(parts.slice(0, i).join('/'));
  }

  return { named, above };
}
