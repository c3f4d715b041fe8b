import { createHash } from 'node:crypto';
import { isGantryError } from '#base/errors/gantry-error';
import type { Fd } from '#base/kernel/kernel';
import { imageKeyOf } from '#schema/types/image-hash';
import { corruptImage } from './archive-error.ts';
import { type ByteSource, createWatchedSource } from './byte-source.ts';

/** The archive of an image in the store. */
export interface KeptArchive {
  readonly fd: Fd;
  /** The image's key, which its bytes must hash to. */
  readonly key: string;
}

/**
 * Reads an archive, and hashes it meanwhile. What the work has made of it is of
 * no use when this throws.
 * @param read reads the archive to its end
 * @throws GantryError IMAGE_CORRUPT when it is not the bytes that it was; what the work throws
 */
export function readChecked({ fd, key }: KeptArchive, read: (source: ByteSource) => void): void {
  const hash = createHash('sha512');
  const source = createWatchedSource(fd, (bytes) => void hash.update(bytes));
  const demandIntact = (cause?: unknown): void => {
    while (source.some(Number.MAX_SAFE_INTEGER) !== undefined);
    const found = imageKeyOf(hash.digest());
    if (found !== key) throw corruptImage(key, `its blob now hashes to ${found}`, cause);
  };

  try {
    read(source);
  } catch (error) {
    // What is wrong with an archive says nothing about the image when it is another archive.
    if (isWrongInside(error)) demandIntact(error);
    throw error;
  }
  demandIntact();
}

const isWrongInside = (error: unknown): boolean =>
  isGantryError(error) && /^(?:ARCHIVE|ACI)_/.test(error.code);
