import { renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { syncDir } from '#base/fs/atomic';
import { removePath } from '#base/fs/remove-path';
import { tryLockKey } from '#base/lock/key-lock';
import { makeTempEntry, type TempEntry } from '../blobs/temp-entry.ts';
import type { StoreContext } from '../format/context.ts';
import { listTrees } from '../tree/find-tree.ts';
import type { StoredTree } from '../tree/tree.ts';
import { treeDir, treeFlagPath, treeLocksDir, treesDir } from '../tree/tree-paths.ts';
import { isLayerTreeId } from '../tree/tree-plan.ts';
import type { InUseProbe } from './in-use.ts';
import { neededLayerTrees } from './oci-blobs.ts';
import { unlessOdd } from './pass-over.ts';

/** All that lies among the trees; none for who may not look at them, who cannot remove them either. */
export function treesInSight(dir: string): readonly StoredTree[] {
  try {
    return listTrees(dir);
  } catch (error) {
    if (errorCode(error) === 'EACCES') return [];
    throw error;
  }
}

/**
 * Takes a tree out of everybody's sight, its flag first. Synchronous, so that
 * it can happen under the lock of the tree's image; its files are removed with
 * the entry, when the lock is free again. What is no folder goes the same way.
 * @param isFree asked once more, under the lock
 * @returns undefined when it is gone, not free, or when somebody works on it
 */
export function takeTree(
  context: StoreContext,
  name: string,
  isFree: () => boolean = () => true,
): TempEntry | undefined {
  const { kernel, dir } = context;
  using lock = tryLockKey(kernel, { folder: treeLocksDir(dir), key: name });
  if (lock === undefined || !isFree()) return undefined;

  const path = treeDir(dir, name);
  removeFlag(path);
  const entry = makeEntryOrNone(context);
  try {
    if (entry === undefined) removePath(path, { recursive: true });
    else renameSync(path, join(entry.path, 'tree'));
    syncDir(treesDir(dir));
  } catch (error) {
    entry?.remove();
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }

  return entry ?? { path, remove: () => {}, [Symbol.dispose]: () => {} };
}

/**
 * Takes the trees of layers out of sight that no image in the store has, and no
 * tree of an image lies over; broken ones that no pod lies over.
 */
export function takeUnneededLayers(
  context: StoreContext,
  inUse: InUseProbe,
): readonly (TempEntry & { readonly tree: StoredTree })[] {
  const { dir } = context;
  const layers = treesInSight(dir).filter(({ id }) => isLayerTreeId(id));
  if (layers.length === 0) return [];
  const isNeeded = lookForNeeds(dir, inUse);

  return layers.flatMap((tree) => {
    if (isNeeded(tree)) return [];
    // Looked at again under the lock of the tree.
    const entry = unlessOdd(context, tree.dir, () =>
      takeTree(context, tree.name, () => !lookForNeeds(dir, inUse)(tree)),
    );
    return entry === undefined ? [] : [{ ...entry, tree }];
  });
}

/** Where there is none, or something else in its place, nobody takes the tree for complete. */
function removeFlag(tree: string): void {
  try {
    unlinkSync(treeFlagPath(tree));
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Looks at pods, trees and images once; gives what says of the tree of a layer whether they need it. */
function lookForNeeds(dir: string, inUse: InUseProbe): (tree: StoredTree) => boolean {
  const all = treesInSight(dir);
  const { trees } = inUse();
  const needed = neededLayerTrees(dir);

  return ({ id, broken }) => {
    const above = all.filter(({ layers }) => layers.includes(id));
    if (above.some((tree) => trees.has(tree.id))) return true;

    return !broken && (above.length > 0 || needed.has(id));
  };
}

/** A disk so full that it has no room for a folder is one that gc must be able to help. */
function makeEntryOrNone({ kernel, dir }: StoreContext): TempEntry | undefined {
  try {
    return makeTempEntry(kernel, dir, 'tree');
  } catch (error) {
    if (['ENOSPC', 'EDQUOT'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
