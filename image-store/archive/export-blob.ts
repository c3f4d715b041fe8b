import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { demandRegular } from '../blobs/demand-regular.ts';
import { GantryError } from '#base/errors/gantry-error';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
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

async function* checked(key: ImageKey, blob: string): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha512');
  let held: Buffer | undefined;
  for await (const chunk of createReadStream(blob, { highWaterMark: READ_SIZE })) {
    hash.update(chunk as Buffer);
    if (held !== undefined) yield held;
    held = chunk as Buffer;
  }
  if (imageKeyOf(hash.digest()) !== key) {
    throw new GantryError('IMAGE_CORRUPT', `cannot export image "${key}": its blob is damaged`, {
      hint: 'remove the image and fetch it again',
    });
  }
  if (held !== undefined) yield held;
}
