import type { FileNode } from './file-table.ts';

/** A difference between two images. */
export interface FileChange {
  /** It was added, changed, or deleted with all in it. */
  readonly kind: 'A' | 'C' | 'D';
  /** Absolute. */
  readonly path: string;
}

/** How a directory looks that no entry made. */
export const IMPLIED_LOOK = 'directory 755 0 0';

/**
 * What has to be done to the files of one image to get those of another, by
 * path. A directory in which something changed has changed.
 */
export function fileChanges(before: FileNode, after: FileNode): readonly FileChange[] {
  const found: FileChange[] = [];
  if (lookOf(before) !== lookOf(after)) found.push({ kind: 'C', path: '/' });
  addInside(found, '', [before, after]);

  return found;
}

type Pair = readonly [before: FileNode, after: FileNode];

const NOTHING: ReadonlyMap<string, FileNode> = new Map();
const lookOf = ({ look = IMPLIED_LOOK }: FileNode): string => look;

function addInside(found: FileChange[], dir: string, [before, after]: Pair): void {
  if (before === after) return;
  const [old, now] = [before.children ?? NOTHING, after.children ?? NOTHING];
  for (const name of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    addChange(found, `${dir}/${name}`, [old.get(name), now.get(name)]);
  }
}

function addChange(
  found: FileChange[],
  path: string,
  [before, after]: readonly [FileNode | undefined, FileNode | undefined],
): void {
  if (before === after) return;
  if (after === undefined) {
    found.push({ kind: 'D', path });
    return;
  }
  if (before === undefined) {
    found.push({ kind: 'A', path });
    addInside(found, path, [{ look: undefined, children: undefined }, after]);
    return;
  }

  const own: FileChange = { kind: 'C', path };
  const at = found.push(own);
  addInside(found, path, [before, after]);
  if (found.length === at && lookOf(before) === lookOf(after)) found.pop();
}
