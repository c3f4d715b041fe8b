import { statSync } from 'node:fs';
import { syncDir } from '#base/fs/atomic';
import { GantryError } from '#base/errors/gantry-error';
import type { HeldLock } from '#base/lock/directory-lock';
import { tryLockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import { acceptancePath, blobPath, imageLocksDir, recordsDir } from '../format/layout.ts';
import { storeError } from '../format/permissions.ts';
import { imageNotFound, listKeys, removeFile, removeFromIndex } from '../index/records.ts';
import type { CollectableTrees, InUseProbe } from './in-use.ts';

/** What it takes to remove images. */
export interface RemovalOptions {
  readonly trees: CollectableTrees;
  readonly inUse: InUseProbe;
}

/** The lock of an image that nobody prepares a pod from or brings; undefined when somebody does. */
export function tryLockImage({ kernel, dir }: StoreContext, key: ImageKey): HeldLock | undefined {
  return tryLockKey(kernel, { folder: imageLocksDir(dir), key });
}

/**
 * Removes an image and its trees.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_IN_USE
 */
export async function removeImage(
  context: StoreContext,
  key: ImageKey,
  options: RemovalOptions,
): Promise<void> {
  const { dir } = context;
  if (!listKeys(dir).includes(key)) throw imageNotFound(key);

  const removals: Promise<void>[] = [];
  try {
    using lock = tryLockImage(context, key);
    if (lock === undefined) throw inUse(key, 'a pod is being prepared from it, or it is fetched');
    const { images, trees } = options.inUse();
    const own = options.trees.list().filter((tree) => tree.image === key);
    if (images.has(key) || own.some(({ id }) => trees.has(id))) throw inUse(key, 'a pod uses it');

    for (const { id } of own) removals.push(options.trees.remove(id));
    deleteImage(dir, key);
  } catch (error) {
    throw storeError(error, dir);
  } finally {
    await Promise.all(removals);
  }
}

/**
 * Removes the files of an image whose lock is held, in this order: the index
 * record (from here on nobody sees it), what is kept beside the blob (from here
 * on no rebuilding brings it back), the blob, the rest.
 * @returns bytes that the blob took
 */
export function deleteImage(dir: string, key: ImageKey): number {
  const path = blobPath(dir, key);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  removeFromIndex(dir, key);
  syncDir(recordsDir(dir));
  removeFile(acceptancePath(dir, key));
  removeFile(path);

  return size;
}

function inUse(key: ImageKey, why: string): GantryError {
  return new GantryError('IMAGE_IN_USE', `cannot remove image ${key}: ${why}`, {
    hint: 'remove the pods that use it first; see "gantry list"',
  });
}
