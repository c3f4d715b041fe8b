import type { HeldLock } from '#base/lock/directory-lock';
import { lockKey } from '#base/lock/key-lock';
import type { OciDigest } from '#schema/oci/digest';
import type { StoreContext } from '../format/context.ts';
import { imageLocksDir, ociBlobName } from '../format/layout.ts';
import type { OciParts } from '../index/image-record.ts';

/**
 * Keeps blobs from being collected that no record of an image speaks of yet,
 * whether they are there or not.
 */
export function holdBlobs(
  { kernel, dir }: StoreContext,
  digests: readonly OciDigest[],
): Disposable {
  const locks: HeldLock[] = [];
  const release = (): void => locks.splice(0).forEach((lock) => lock.release());
  try {
    // In one order: nobody waits for who waits for him.
    for (const digest of [...new Set(digests)].sort()) {
      const key = ociBlobName(digest);
      locks.push(lockKey(kernel, { folder: imageLocksDir(dir), key, mode: 'shared' }));
    }
  } catch (error) {
    release();
    throw error;
  }

  return { [Symbol.dispose]: release };
}

/** All blobs of an OCI image but its configuration. */
export function partsOf({ manifest, layers }: OciParts): readonly OciDigest[] {
  return [manifest, ...layers.map(({ digest }) => digest)];
}
