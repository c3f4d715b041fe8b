import { existsSync } from 'node:fs';
import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import { hashBlobs } from '../blobs/verify-blobs.ts';
import { demandRegularImage } from '../blobs/demand-regular.ts';
import type { StoreContext } from '../format/context.ts';
import { recordPath } from '../format/layout.ts';
import { isManifestCopied } from '../index/manifest-copy.ts';
import { indexBlobAnew } from '../index/rebuild.ts';
import { listKeys } from '../index/records.ts';
import { passOver, unlessOdd } from './pass-over.ts';

/** Makes copies of manifests anew that do not say what their images say, from blobs that are what they were. */
export async function restoreManifests(context: StoreContext): Promise<void> {
  const { dir, log } = context;
  for (const key of listKeys(dir)) {
    if (unlessOdd(context, key, () => isManifestCopied(dir, key)) !== false) continue;
    try {
      demandRegularImage(dir, key);
      await hashBlobs(dir, key);
      if (await indexBlobAnew(context, key)) log.info(`restored the manifest of image ${key}`);
    } catch (error) {
      // Removed meanwhile.
      if (!existsSync(recordPath(dir, key))) continue;
      if (!isGantryError(error)) passOver(context, key, error);
      else log.warning(`cannot restore the manifest of image ${key}: ${errorMessage(error)}`);
    }
  }
}
