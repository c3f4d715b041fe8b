import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { isSameManifest } from '#schema/image/same-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import { corruptImage } from '../archive/archive-error.ts';
import { readAciManifest } from '../archive/inspect.ts';
import { demandRegular } from '../blobs/demand-regular.ts';
import { blobPath, ociBlobPath } from '../format/layout.ts';
import { readKeeping } from './acceptance.ts';
import { readOciImage } from './oci-image.ts';
import { readManifest, RESTORE_COPY } from './records.ts';

/**
 * Sees that the copy of an image's manifest, which is what is run, says what the
 * image itself says. Whether that is still what it was is another question.
 * @throws GantryError IMAGE_CORRUPT, IMAGE_NOT_FOUND; as `readOciImage` and the reader of archives
 */
export function demandManifestCopy(dir: string, key: ImageKey): void {
  if (isSameManifest(readManifest(dir, key), manifestInBlobs(dir, key))) return;

  throw new GantryError(
    'IMAGE_CORRUPT',
    `cannot use image ${key}: the copy of its manifest does not say what the image says`,
    { hint: RESTORE_COPY },
  );
}

/** Whether there is a copy of an image's manifest that says what the image itself says. */
export function isManifestCopied(dir: string, key: ImageKey): boolean {
  try {
    demandManifestCopy(dir, key);
    return true;
  } catch (error) {
    if (isGantryError(error)) return false;
    throw error;
  }
}

function manifestInBlobs(dir: string, key: ImageKey): ImageManifest {
  const origin = readKeeping(dir, key)?.origin;
  demandRegular(key, [
    blobPath(dir, key),
    ...(origin === undefined ? [] : [ociBlobPath(dir, origin.manifest)]),
  ]);
  try {
    const text =
      origin === undefined
        ? readAciManifest(blobPath(dir, key))
        : readOciImage(dir, key, origin).manifestText;
    return parseImageManifest(text);
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT') throw cause;
    throw corruptImage(key, 'a blob of it is gone', cause);
  }
}
