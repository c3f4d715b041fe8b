import { statSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { syncDir } from '#base/fs/atomic';
import type { HeldLock } from '#base/lock/directory-lock';
import { tryLockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import type { TempEntry } from '../blobs/temp-entry.ts';
import type { StoreContext } from '../format/context.ts';
import { acceptancePath, blobPath, imageLocksDir, recordsDir } from '../format/layout.ts';
import { withDependencies } from '../index/dependencies.ts';
import { imageNotFound, listKeys, removeFile, removeFromIndex } from '../index/records.ts';
import type { InUseProbe } from './in-use.ts';
import { neededBlobs, removeUnneededBlobs } from './oci-blobs.ts';
import { takeTree, takeUnneededLayers, treesInSight } from './take-tree.ts';
import { isTreeUsed } from './tree-use.ts';

/** The lock of an image that nobody prepares a pod from or brings; undefined when somebody does. */
export function tryLockImage({ kernel, dir }: StoreContext, key: ImageKey): HeldLock | undefined {
  return tryLockKey(kernel, { folder: imageLocksDir(dir), key });
}

/**
 * Removes an image and its trees.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export function removeImage(context: StoreContext, key: ImageKey, inUse: InUseProbe): void {
  if (listKeys(context.dir, key).length === 0) throw imageNotFound(key);

  const taken: TempEntry[] = [];
  try {
    using lock = tryLockImage(context, key);
    if (lock === undefined) {
      throw inUseError(key, 'a pod is being prepared from it, or it is being fetched');
    }
    const { images, trees } = inUse();
    if (images.has(key) || isTreeUsed(context, key, trees)) {
      throw inUseError(key, 'a pod uses it');
    }
    if (withDependencies(context, images).has(key)) {
      throw inUseError(key, 'an image that a pod uses depends on it');
    }

    for (const { name } of treesInSight(context.dir).filter((tree) => tree.key === key)) {
      const entry = takeTree(context, name);
      if (entry !== undefined) taken.push(entry);
    }
    deleteImage(context.dir, key);
    taken.push(...takeUnneededLayers(context, inUse));
    removeUnneededBlobs(context, context.clock());
  } finally {
    for (const entry of taken) entry.remove();
  }
}

/**
 * Removes the files of an image whose lock is held, in this order: the index
 * record (from here on nobody sees it), what is kept beside the blob (from here
 * on no rebuilding brings it back), the blob.
 * @returns bytes that the blob took
 */
export function deleteImage(dir: string, key: ImageKey): number {
  const path = blobPath(dir, key);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  removeFromIndex(dir, key);
  syncDir(recordsDir(dir));
  removeFile(acceptancePath(dir, key));
  // One image's configuration could be a layer, or the manifest, of another.
  if (!neededBlobs(dir).has(key)) removeFile(path);

  return size;
}

function inUseError(key: ImageKey, why: string): GantryError {
  return new GantryError('IMAGE_IN_USE', `cannot remove image ${key}: ${why}`, {
    hint: 'remove the pods that use it first; see "gantry list"',
  });
}
