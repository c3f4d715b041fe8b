import { isGantryError } from '#base/errors/gantry-error';
import { tryLockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import { sweepLeftovers } from '../blobs/leftovers.ts';
import type { StoreContext } from '../format/context.ts';
import { imageLocksDir, treeSizePath } from '../format/layout.ts';
import { imageSource, withDependencies } from '../index/dependencies.ts';
import { listKeys, readRecord, removeFile } from '../index/records.ts';
import type { StoredTree } from '../tree/tree.ts';
import { planTree } from '../tree/tree-plan.ts';
import type { InUse, InUseProbe } from './in-use.ts';
import { deleteImage } from './remove-image.ts';
import { settleStrays } from './strays.ts';
import { takeTree, treesInSight } from './take-tree.ts';

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
 * and that no pod uses, and what killed processes left. What somebody holds a
 * lease on, what somebody is bringing in, and what an image that is kept depends
 * on, is kept.
 */
export async function collectImages(
  context: StoreContext,
  { graceMs, inUse }: GcOptions,
): Promise<GcReport> {
  const leftovers = sweepLeftovers(context) + (await settleStrays(context));
  const limit = context.clock() - graceMs;
  const look = (): Needed => lookAround(context, inUse(), limit);

  const trees = collectTrees(context, look);
  const images = collectBlobs(context, look);

  return {
    images: images.keys,
    trees: trees.map(({ id }) => id),
    leftovers,
    freedBytes: trees.reduce((sum, { size }) => sum + size, images.bytes),
  };
}

function collectTrees(context: StoreContext, look: () => Needed): readonly StoredTree[] {
  const { dir } = context;
  const collected = treesInSight(dir).filter((tree) => {
    const { key = tree.name, name } = tree;
    const isNeeded = (): boolean => needsTree(context, look(), tree);
    using entry = unlessNeeded(context, { key, isNeeded }, () => takeTree(context, name));

    return entry !== undefined;
  });
  const left = treesInSight(dir).map(({ key }) => key);
  for (const { key } of collected) {
    if (key !== undefined && !left.includes(key)) removeFile(treeSizePath(dir, key));
  }

  return collected;
}

function collectBlobs(
  context: StoreContext,
  look: () => Needed,
): { readonly keys: readonly ImageKey[]; readonly bytes: number } {
  let bytes = 0;
  const keys = listKeys(context.dir).filter((key) => {
    const isNeeded = (): boolean => needsImage(context, look(), key);
    const size = unlessNeeded(context, { key, isNeeded }, () => deleteImage(context.dir, key));
    bytes += size ?? 0;

    return size !== undefined;
  });

  return { keys, bytes };
}

interface Needed {
  readonly pods: InUse;
  /** Used within the grace period. */
  readonly fresh: ReadonlySet<ImageKey>;
}

function lookAround(context: StoreContext, pods: InUse, limit: number): Needed {
  const fresh = listKeys(context.dir).filter(
    (key) => (readRecord(context, key)?.lastUsed ?? 0) > limit,
  );

  return { pods, fresh: new Set(fresh) };
}

function needsImage(context: StoreContext, { pods, fresh }: Needed, key: ImageKey): boolean {
  if (withDependencies(context, [...fresh, ...pods.images]).has(key)) return true;

  return treesInSight(context.dir).some((tree) => tree.key === key && pods.trees.has(tree.id));
}

/** A tree of an image that is used, unless a dependency has changed since and another one is used in its stead. */
function needsTree(context: StoreContext, { pods, fresh }: Needed, tree: StoredTree): boolean {
  if (pods.trees.has(tree.id)) return true;
  if (tree.broken || tree.key === undefined || !fresh.has(tree.key)) return false;

  try {
    return planTree(tree.key, imageSource(context)).id === tree.id;
  } catch (error) {
    if (isGantryError(error)) return false;
    throw error;
  }
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
