import { isGantryError } from '#base/errors/gantry-error';
import { tryLockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import { sweepLeftovers } from '../blobs/leftovers.ts';
import type { StoreContext } from '../format/context.ts';
import { imageLocksDir, treeSizePath } from '../format/layout.ts';
import { regroupStore } from '../format/regroup.ts';
import { imageSource, withDependencies } from '../index/dependencies.ts';
import { listKeys, readRecord, removeFile } from '../index/records.ts';
import type { StoredTree } from '../tree/tree.ts';
import { isLayerTreeId, planTree } from '../tree/tree-plan.ts';
import type { InUseProbe } from './in-use.ts';
import { deleteImage } from './remove-image.ts';
import { unlessOdd } from './pass-over.ts';
import { restoreManifests } from './restore-manifests.ts';
import { settleStrays } from './strays.ts';
import { removeUnneededBlobs } from './oci-blobs.ts';
import { takeTree, takeUnneededLayers, treesInSight } from './take-tree.ts';
import { isTreeUsed } from './tree-use.ts';

/** What to collect. */
export interface GcOptions {
  /** Images that were used within so many milliseconds are kept, and so are their trees. */
  readonly graceMs: number;
  /** What is never collected. */
  readonly inUse: InUseProbe;
}

/** What was collected. */
export interface GcReport {
  readonly images: readonly ImageKey[];
  /** Tree ids. */
  readonly trees: readonly string[];
  /** Unfinished work of killed processes, and files that belonged to no image. */
  readonly leftovers: number;
  /** Of blobs and trees. */
  readonly freedBytes: number;
}

/**
 * Removes images, and rendered trees, that were not used for the grace period
 * and that no pod uses, and what killed processes left. One odd entry is passed
 * over with a warning. What somebody holds a
 * lease on, what somebody is bringing in, and what an image that is kept depends
 * on, is kept. Copies of manifests that have changed are restored.
 */
export async function collectImages(
  context: StoreContext,
  { graceMs, inUse }: GcOptions,
): Promise<GcReport> {
  if (regroupStore(context)) context.log.info(`gave image store "${context.dir}" to its group`);
  const leftovers = sweepLeftovers(context) + (await settleStrays(context));
  await restoreManifests(context);
  const collection: Collection = { context, inUse, limit: context.clock() - graceMs };

  const trees = collectTrees(collection);
  const images = collectBlobs(collection);
  const layers = collectLayers(collection);
  const blobs = removeUnneededBlobs(context, collection.limit);

  return {
    images: images.keys,
    trees: [...trees, ...layers].map(({ id }) => id),
    leftovers,
    freedBytes: [...trees, ...layers].reduce(
      (sum, { size }) => sum + size,
      images.bytes + blobs.bytes,
    ),
  };
}

interface Collection {
  readonly context: StoreContext;
  readonly inUse: InUseProbe;
  /** What was used after this moment is kept, milliseconds since 1970. */
  readonly limit: number;
}

function collectTrees(collection: Collection): readonly StoredTree[] {
  const { context, inUse } = collection;
  const { dir } = context;
  const images = treesInSight(dir).filter(({ id }) => !isLayerTreeId(id));
  const collected = images.filter((tree) => {
    const { key = tree.name, name } = tree;
    const isNeeded = (): boolean => inUse().trees.has(tree.id) || isCurrentTree(collection, tree);
    const take = (): boolean => {
      using entry = unlessNeeded(context, { key, isNeeded }, () => takeTree(context, name));
      return entry !== undefined;
    };

    return unlessOdd(context, tree.dir, take) === true;
  });
  const left = treesInSight(dir).map(({ key }) => key);
  for (const { key } of collected) {
    if (key !== undefined && !left.includes(key)) removeFile(treeSizePath(dir, key));
  }

  return collected;
}

/** After the images: their layers are needed as long as they are there. */
function collectLayers({ context, inUse }: Collection): readonly StoredTree[] {
  return takeUnneededLayers(context, inUse).map((entry) => {
    unlessOdd(context, entry.tree.dir, () => entry.remove());
    return entry.tree;
  });
}

/** Whether it is the tree of an image that is used; not so when a dependency has changed since. */
function isCurrentTree(collection: Collection, { id, key, broken }: StoredTree): boolean {
  if (broken || key === undefined || !isFresh(collection, key)) return false;

  try {
    return planTree(key, imageSource(collection.context)).id === id;
  } catch (error) {
    if (isGantryError(error)) return false;
    throw error;
  }
}

function collectBlobs(collection: Collection): {
  readonly keys: readonly ImageKey[];
  readonly bytes: number;
} {
  const { context } = collection;
  const all = listKeys(context.dir);
  const fresh = withDependencies(
    context,
    all.filter((key) => isFresh(collection, key)),
  );
  let bytes = 0;
  const keys = all.filter((key) => {
    const isNeeded = (): boolean =>
      fresh.has(key) || isFresh(collection, key) || isUsedByPods(collection, key);
    const size = unlessOdd(context, key, () =>
      unlessNeeded(context, { key, isNeeded }, () => deleteImage(context.dir, key)),
    );
    bytes += size ?? 0;

    return size !== undefined;
  });

  return { keys, bytes };
}

function isFresh({ context, limit }: Collection, key: ImageKey): boolean {
  return (readRecord(context, key)?.lastUsed ?? 0) > limit;
}

/** Used by a pod, depended on by what a pod uses, or the origin of a tree that a pod uses. */
function isUsedByPods({ context, inUse }: Collection, key: ImageKey): boolean {
  const { images, trees } = inUse();

  return withDependencies(context, images).has(key) || isTreeUsed(context, key, trees);
}

interface Candidate {
  readonly key: string;
  readonly isNeeded: () => boolean;
}

/** Looks once without the lock, which is enough for most, and once more with it. */
function unlessNeeded<Result>(
  { kernel, dir }: StoreContext,
  { key, isNeeded }: Candidate,
  remove: () => Result,
): Result | undefined {
  if (isNeeded()) return undefined;

  using lock = tryLockKey(kernel, { folder: imageLocksDir(dir), key });
  return lock === undefined || isNeeded() ? undefined : remove();
}
