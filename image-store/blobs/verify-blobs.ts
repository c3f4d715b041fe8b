import { existsSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import {
  type DigestAlgorithm,
  digestAlgorithm,
  digestOf,
  type OciDigest,
} from '#schema/oci/digest';
import { type ImageKey, imageKeyOf, imageKeyOfDigest } from '#schema/types/image-hash';
import { corruptImage } from '../archive/archive-error.ts';
import type { StoreContext } from '../format/context.ts';
import { blobPath, ociBlobPath } from '../format/layout.ts';
import { storeError } from '../format/permissions.ts';
import { demandManifestCopy } from '../index/manifest-copy.ts';
import { imageNotFound, readStoredRecord } from '../index/records.ts';
import { hashFile } from './hash-file.ts';
import { partsOf } from './hold-blobs.ts';

/**
 * Hashes the blobs of an image again: its archive, or configuration, manifest and
 * layers of an OCI image; and compares the copy of its manifest with what they say.
 * @throws GantryError IMAGE_CORRUPT when one is not what it was, IMAGE_NOT_FOUND
 */
export async function verifyBlobs({ dir }: StoreContext, key: ImageKey): Promise<void> {
  await hashBlobs(dir, key);
  demandManifestCopy(dir, key);
}

/**
 * Hashes the blobs of an image again.
 * @throws GantryError IMAGE_CORRUPT when one is not the bytes that it was, IMAGE_NOT_FOUND
 */
export async function hashBlobs(dir: string, key: ImageKey): Promise<void> {
  const oci = readStoredRecord(dir, key)?.oci;
  if (oci === undefined) {
    const found = imageKeyOf(
      await hashBlob(dir, key, { path: blobPath(dir, key), algorithm: 'sha512' }),
    );
    if (found !== key) throw corruptImage(key, `its blob now hashes to ${found}`);
    return;
  }

  const algorithm = key.startsWith('sha256-') ? 'sha256' : 'sha512';
  const config = await hashBlob(dir, key, { path: blobPath(dir, key), algorithm });
  const found = imageKeyOfDigest(digestOf(algorithm, config));
  if (found !== key) throw corruptImage(key, `its configuration now hashes to ${found}`);
  for (const digest of new Set(partsOf(oci))) await verifyPart(dir, key, digest);
}

async function verifyPart(dir: string, key: ImageKey, digest: OciDigest): Promise<void> {
  const algorithm = digestAlgorithm(digest);
  const path = ociBlobPath(dir, digest);
  const found = digestOf(algorithm, await hashBlob(dir, key, { path, algorithm }));
  if (found !== digest) throw corruptImage(key, `its blob ${digest} now hashes to ${found}`);
}

interface Hashed {
  readonly path: string;
  readonly algorithm: DigestAlgorithm;
}

async function hashBlob(dir: string, key: ImageKey, { path, algorithm }: Hashed): Promise<Buffer> {
  try {
    return await hashFile(path, algorithm);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw existsSync(blobPath(dir, key))
        ? corruptImage(key, `"${path}" is gone`)
        : imageNotFound(key);
    }
    throw storeError(error, dir);
  }
}
