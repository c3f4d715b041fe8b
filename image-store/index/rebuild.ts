import { existsSync } from 'node:fs';
import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import { demandRegular } from '../blobs/demand-regular.ts';
import type { StoreContext } from '../format/context.ts';
import { blobPath, ociBlobPath } from '../format/layout.ts';
import { readKeepingIfSound } from './acceptance.ts';
import { listKeys, removeFromIndex } from './records.ts';
import { indexBlob, listBlobs } from './reindex.ts';

/** What came of making the index anew. */
export interface RebuildReport {
  readonly indexed: readonly ImageKey[];
  /** Images whose blob is gone: taken out of the index. */
  readonly dropped: readonly ImageKey[];
  /** Blobs that are no images any more, or that nobody knows the acceptance of, with the reason. */
  readonly refused: readonly { readonly key: ImageKey; readonly reason: string }[];
}

/**
 * Makes the whole index anew from the blobs and what lies beside them. When
 * images were last used and how large their trees are stays as it is.
 */
export async function rebuildIndex(context: StoreContext): Promise<RebuildReport> {
  const { dir } = context;
  const dropped = listKeys(dir).filter((key) => !existsSync(blobPath(dir, key)));
  for (const key of dropped) removeFromIndex(dir, key);

  const indexed: ImageKey[] = [];
  const refused: { key: ImageKey; reason: string }[] = [];
  for (const key of listBlobs(dir)) {
    try {
      if (await indexBlobAnew(context, key)) indexed.push(key);
    } catch (error) {
      if (!isGantryError(error)) throw error;
      removeFromIndex(dir, key);
      refused.push({ key, reason: errorMessage(error) });
    }
  }

  return { indexed, dropped, refused };
}

/**
 * Makes the index of one image anew, its manifest being read from the blob.
 * @returns false when the blob is gone
 * @throws GantryError when it is no image, or nobody knows how it was accepted
 */
export async function indexBlobAnew(context: StoreContext, key: ImageKey): Promise<boolean> {
  const path = blobPath(context.dir, key);
  if (!existsSync(path)) return false;
  demandRegular(key, [path]);
  const origin = readKeepingIfSound(context.dir, key)?.origin;
  if (origin !== undefined) {
    demandRegular(key, [ociBlobPath(context.dir, origin.manifest)]);
    const { readOciImage } = await import('./oci-image.ts');
    return indexBlob(context, key, readOciImage(context.dir, key, origin));
  }

  const { inspectAci } = await import('../archive/inspect.ts');
  const { manifestText } = await inspectAci(path);

  return indexBlob(context, key, { manifestText });
}
