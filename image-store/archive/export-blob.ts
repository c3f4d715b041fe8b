import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, linkSync, renameSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GantryError } from '#base/errors/gantry-error';
import { removePath } from '#base/fs/remove-path';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
import { targetError } from './target-error.ts';
import { replaceableFile } from './target-file.ts';

/** What is copied and where to. */
export interface BlobExport {
  readonly key: ImageKey;
  /** The uncompressed archive in the store. */
  readonly blob: string;
  readonly target: string;
  /** Whether a file that is there is replaced. */
  readonly overwrite?: boolean | undefined;
}

/**
 * Copies an image out of the store as an uncompressed archive. It appears whole
 * or not at all, and only when it is still what its key says.
 * @throws GantryError IMAGE_CORRUPT, TARGET_*
 */
export async function exportBlob({ key, blob, target, overwrite }: BlobExport): Promise<void> {
  const path = overwrite === true ? replaceableFile(target) : resolve(target);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const found = await copyHashed(blob, temporary);
    if (found !== key)
      throw new GantryError('IMAGE_CORRUPT', `cannot export image "${key}": its blob is damaged`, {
        hint: 'remove the image and fetch it again',
      });
    if (overwrite === true) renameSync(temporary, path);
    else linkSync(temporary, path);
  } catch (error) {
    throw targetError(error, `export to "${target}"`);
  } finally {
    removePath(temporary, { force: true });
  }
}

async function copyHashed(from: string, to: string): Promise<ImageKey> {
  const hash = createHash('sha512');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(
    createReadStream(from, { highWaterMark: 1024 ** 2 }),
    hashing,
    createWriteStream(to, { flags: 'wx', mode: 0o644 }),
  );

  return imageKeyOf(hash.digest());
}
