import { createReadStream } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import { blobPath } from '../format/layout.ts';
import { storeError } from '../format/permissions.ts';
import { imageNotFound } from '../index/records.ts';

const READ_SIZE = 1024 * 1024;

/**
 * Hashes the blob of an image again.
 * @throws GantryError IMAGE_CORRUPT when it is not the bytes that it was, IMAGE_NOT_FOUND
 */
export async function verifyBlob({ dir }: StoreContext, key: ImageKey): Promise<void> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha512');
  try {
    const chunks = createReadStream(blobPath(dir, key), { highWaterMark: READ_SIZE });
    for await (const chunk of chunks) hash.update(chunk as Buffer);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw imageNotFound(key);
    throw storeError(error, dir);
  }

  const found = imageKeyOf(hash.digest());
  if (found === key) return;
  throw new GantryError(
    'IMAGE_CORRUPT',
    `cannot use image ${key}: its blob now hashes to ${found}`,
    {
      hint: 'remove it with "gantry image rm" and fetch it again',
    },
  );
}
