import { existsSync } from 'node:fs';
import { type HeldLock } from '#base/lock/directory-lock';
import { lockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import { imageLocksDir, recordPath } from '../format/layout.ts';
import { imageNotFound } from '../index/records.ts';

/** Images that nobody may remove while this is held; disposing of it gives them back. */
export interface Lease extends Disposable {
  readonly keys: readonly ImageKey[];
  /** Gives them back early; a second time is nothing. */
  release(): void;
}

/**
 * Keeps images and their trees from being removed while a pod is prepared from
 * them. A pod that lies in its folder is in the caller's in-use set; a lease
 * covers the time before that. Taken and looked at in this order:
 *
 *     prepare: lock shared, see that the image is there … write the pod, unlock
 *     gc:      lock exclusive, see that no pod uses the image, remove it, unlock
 *
 * @throws GantryError IMAGE_NOT_FOUND when one is not, or no longer, there
 */
export function leaseImages({ kernel, dir }: StoreContext, keys: readonly ImageKey[]): Lease {
  const locks: HeldLock[] = [];
  const release = (): void => {
    for (const lock of locks.splice(0)) lock.release();
  };

  try {
    for (const key of new Set(keys)) {
      locks.push(lockKey(kernel, { folder: imageLocksDir(dir), key, mode: 'shared' }));
      if (!existsSync(recordPath(dir, key))) throw imageNotFound(key);
    }
  } catch (error) {
    release();
    throw error;
  }

  return { keys, release, [Symbol.dispose]: release };
}
