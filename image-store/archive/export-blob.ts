import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
import { demandRegular } from '../blobs/demand-regular.ts';
import { corruptImage } from './archive-error.ts';
import { type ArchiveTarget, writeTarget } from './write-target.ts';

/** What is copied and where to. */
export interface BlobExport {
  readonly key: ImageKey;
  /** The uncompressed archive in the store. */
  readonly blob: string;
  readonly target: ArchiveTarget;
}

const READ_SIZE = 1024 ** 2;

/**
 * Copies an image out of the store as an uncompressed archive. A file appears whole
 * or not at all, and only when it is still what its key says; to a stream the
 * last piece is not written when it is not.
 * @throws GantryError IMAGE_CORRUPT, TARGET_*
 */
export async function exportBlob({ key, blob, target }: BlobExport): Promise<void> {
  demandRegular(key, [blob]);
  await writeTarget(target, checked(key, blob));
}

/** What fails here is the store's, not the target's. */
async function* chunksOf(key: ImageKey, blob: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    const chunks = createReadStream(blob, { highWaterMark: READ_SIZE });
    for await (const chunk of chunks) yield chunk as Buffer;
  } catch (error) {
    throw corruptImage(
      key,
      errorCode(error) === 'ENOENT'
        ? `"${blob}" is gone`
        : `cannot read "${blob}": ${fileState(error)}`,
      error,
    );
  }
}

async function* checked(key: ImageKey, blob: string): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha512');
  let held: Buffer | undefined;
  for await (const chunk of chunksOf(key, blob)) {
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (imageKeyOf(hash.digest()) !== key) {
    throw corruptImage(key, 'its blob is damaged');
  }
  if (held !== undefined) yield held;
}
