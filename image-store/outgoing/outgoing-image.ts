import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import type { Descriptor } from '#schema/oci/descriptor';
import { digestAlgorithm, digestOf, type OciDigest } from '#schema/oci/digest';
import { type OciManifest, parseOciManifest } from '#schema/oci/manifest';
import { type ImageKey, imageKeyOfDigest } from '#schema/types/image-hash';
import { corruptImage } from '../archive/archive-error.ts';
import { demandRegular } from '../blobs/demand-regular.ts';
import { blobPath, ociBlobPath } from '../format/layout.ts';
import { storeError } from '../format/permissions.ts';
import type { OciLayer, OciOrigin } from '../index/image-record.ts';
import type { ImageStore } from '../store.ts';

/** An OCI image of the store on its way to somebody else, as it came. */
export interface OutgoingImage {
  readonly key: ImageKey;
  readonly origin: OciOrigin;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  readonly manifest: OciManifest;
  /** Lowest first, with the digests of what they hold. */
  readonly layers: readonly OciLayer[];
  /**
   * A blob as it is kept. What is not what it was fails before its last piece.
   * @throws GantryError IMAGE_CORRUPT, when it is read
   */
  open(descriptor: Pick<Descriptor, 'digest' | 'size'>): AsyncGenerator<Buffer, void, undefined>;
}

const READ_SIZE = 256 * 1024;

/**
 * Opens an image of the store for handing it out; the caller keeps it from being removed.
 * @throws GantryError IMAGE_NOT_OCI, IMAGE_NOT_FOUND, IMAGE_CORRUPT
 */
export async function openOutgoing(
  store: Pick<ImageStore, 'dir' | 'record'>,
  key: ImageKey,
): Promise<OutgoingImage> {
  const { oci, origin } = store.record(key) ?? {};
  if (oci === undefined || origin === undefined) throw notOci(key);
  const open: OutgoingImage['open'] = ({ digest, size }) =>
    verified(store.dir, key, { digest, size });
  const bytes = await buffer(verified(store.dir, key, { digest: oci.manifest, size: undefined }));
  const { mediaType } = origin;
  const manifest = parseOciManifest(bytes.toString(), { what: `manifest of ${key}`, mediaType });
  if (manifest.kind === 'index') throw new Error('an index is no image');

  return {
    key,
    origin,
    descriptor: { mediaType, digest: oci.manifest, size: bytes.length },
    bytes,
    manifest,
    layers: oci.layers,
    open,
  };
}

function notOci(key: ImageKey): GantryError {
  return new GantryError('IMAGE_NOT_OCI', `cannot hand out image ${key}: it is no OCI image`, {
    hint: '"gantry image export" writes an ACI to a file',
  });
}

interface Blob {
  readonly digest: OciDigest;
  /** Bytes, where that is known. */
  readonly size: number | undefined;
}

async function* verified(
  dir: string,
  key: ImageKey,
  { digest, size }: Blob,
): AsyncGenerator<Buffer, void, undefined> {
  const isConfig = imageKeyOfDigest(digest) === key;
  const algorithm = digestAlgorithm(digest);
  const hash = createHash(algorithm);
  let held: Buffer | undefined;
  let done = 0;
  for await (const chunk of readBlob(isConfig ? blobPath(dir, key) : ociBlobPath(dir, digest), {
    dir,
    key,
  })) {
    done += chunk.length;
    if (size !== undefined && done > size) break;
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  const found = digestOf(algorithm, hash.digest());
  if (found !== digest || (size ?? done) !== done)
    throw corruptImage(key, `its blob ${digest} is damaged`);
  if (held !== undefined) yield held;
}

async function* readBlob(
  path: string,
  { dir, key }: { readonly dir: string; readonly key: ImageKey },
): AsyncGenerator<Buffer, void, undefined> {
  demandRegular(key, [path]);
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_SIZE }))
      yield chunk as Buffer;
  } catch (error) {
    throw errorCode(error) === 'ENOENT'
      ? corruptImage(key, `"${path}" is gone`)
      : storeError(error, dir);
  }
}
