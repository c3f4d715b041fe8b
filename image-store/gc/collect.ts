import type { ImageKey } from '#schema/types/image-hash';
import { sweepLeftovers } from '../blobs/leftovers.ts';
import type { StoreContext } from '../format/context.ts';
import { withDependencies } from '../index/dependencies.ts';
import { listKeys, readRecord } from '../index/records.ts';
import type { CollectableTrees, InUse, InUseProbe } from './in-use.ts';
import { deleteImage, tryLockImage } from './remove-image.ts';
import { settleStrays } from './strays.ts';

/** What to collect. */
export interface GcOptions {
  /** Images that were used within so many milliseconds are kept, and so are their trees. */
  readonly graceMs: number;
  /** What pods use, those being prepared and those prepared among them; never collected. */
  readonly inUse: InUseProbe;
}

/** What was collected. */
export interface GcReport {
  readonly images: readonly ImageKey[];
  readonly trees: readonly string[];
  /** Unfinished work of killed processes, and files that belong to no image. */
  readonly leftovers: number;
  /** Of the blobs. */
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
  trees: CollectableTrees,
  { graceMs, inUse }: GcOptions,
): Promise<GcReport> {
  const leftovers = sweepLeftovers(context) + (await settleStrays(context));
  const limit = context.clock() - graceMs;
  const removals: Promise<void>[] = [];
  const needed = (): Needed => lookAround(context, inUse(), limit);

  const removedTrees = trees.list().filter((tree) => {
    const isNeeded = (): boolean => {
      const { pods, fresh } = needed();
      return pods.trees.has(tree.id) || fresh.has(tree.image);
    };
    return removeUnless(context, { key: tree.image, isNeeded }, () => {
      removals.push(trees.remove(tree.id));
    });
  });

  let freedBytes = 0;
  const rendered = trees.list();
  const removedImages = listKeys(context.dir).filter((key) => {
    const isNeeded = (): boolean => {
      const { pods, images } = needed();
      return (
        images.has(key) || rendered.some(({ id, image }) => image === key && pods.trees.has(id))
      );
    };
    return removeUnless(context, { key, isNeeded }, () => {
      freedBytes += deleteImage(context.dir, key);
    });
  });
  await Promise.all(removals);

  return { images: removedImages, trees: removedTrees.map(({ id }) => id), leftovers, freedBytes };
}

interface Needed {
  readonly pods: InUse;
  /** Used within the grace period. */
  readonly fresh: ReadonlySet<ImageKey>;
  /** Those, those that pods use, and what all of them depend on. */
  readonly images: ReadonlySet<ImageKey>;
}

function lookAround(context: StoreContext, pods: InUse, limit: number): Needed {
  const fresh = new Set(
    listKeys(context.dir).filter((key) => (readRecord(context, key)?.lastUsed ?? 0) > limit),
  );

  return { pods, fresh, images: withDependencies(context, [...fresh, ...pods.images]) };
}

interface Candidate {
  readonly key: ImageKey;
  readonly isNeeded: () => boolean;
}

/** Looks once without the lock, which most images do not survive, and once more with it. */
function removeUnless(
  context: StoreContext,
  { key, isNeeded }: Candidate,
  remove: () => void,
): boolean {
  if (isNeeded()) return false;

  using lock = tryLockImage(context, key);
  if (lock === undefined || isNeeded()) return false;
  remove();

  return true;
}
