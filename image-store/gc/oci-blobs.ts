import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isGantryError } from '#base/errors/gantry-error';
import { tryLockKey } from '#base/lock/key-lock';
import type { StoreContext } from '../format/context.ts';
import {
  ACCEPTANCE_ENDING,
  ALGORITHMS,
  blobsDir,
  imageLocksDir,
  ociBlobName,
} from '../format/layout.ts';
import { partsOf } from '../blobs/hold-blobs.ts';
import type { OciParts } from '../index/image-record.ts';
import {
  listKeys,
  readFolders,
  readNames,
  readStoredRecord,
  removeFile,
} from '../index/records.ts';
import { layerTreeIdOf } from '../tree/tree-plan.ts';
import { unlessOdd } from './pass-over.ts';

/** The OCI parts of all images in the store. */
function allParts(dir: string): readonly OciParts[] {
  return listKeys(dir).flatMap((key) => {
    try {
      return readStoredRecord(dir, key)?.oci ?? [];
    } catch (error) {
      if (isGantryError(error, 'STORE_DAMAGED')) return [];
      throw error;
    }
  });
}

/** Ids of the trees of layers that images in the store have. */
export function neededLayerTrees(dir: string): ReadonlySet<string> {
  return new Set(
    allParts(dir).flatMap(({ layers }) => layers.map(({ diffId }) => layerTreeIdOf(diffId))),
  );
}

/** Names of the blobs that are manifests or layers of images in the store. */
export function neededBlobs(dir: string): ReadonlySet<string> {
  return new Set(allParts(dir).flatMap((parts) => partsOf(parts).map(ociBlobName)));
}

/** What was removed. */
export interface BlobsRemoved {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Removes manifests and layers that no image in the store has. Who brings an
 * image holds its blobs until its record speaks of them:
 *
 *     fetch: lock shared, see whether the blob is there … write the record, unlock
 *     gc:    lock exclusive, see that no record speaks of it, remove it, unlock
 *
 * @param limit what came after this moment is kept, milliseconds since 1970: a fetch that failed may be repeated
 */
export function removeUnneededBlobs(context: StoreContext, limit: number): BlobsRemoved {
  const { dir } = context;
  const needed = neededBlobs(dir);
  let [count, bytes] = [0, 0];
  for (const { name, path } of ociBlobs(dir)) {
    if (needed.has(name)) continue;
    const size = unlessOdd(context, path, () => removeUnneeded(context, { name, path }, limit));
    if (size === undefined) continue;

    count += 1;
    bytes += size;
  }

  return { count, bytes };
}

/** @returns bytes that it took; undefined when it is kept */
function removeUnneeded(
  { dir, kernel }: StoreContext,
  { name, path }: Blob,
  limit: number,
): number | undefined {
  using lock = tryLockKey(kernel, { folder: imageLocksDir(dir), key: name });
  if (lock === undefined || neededBlobs(dir).has(name)) return undefined;
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.mtimeMs > limit) return undefined;
  removeFile(path);

  return stats.size;
}

interface Blob {
  readonly name: string;
  readonly path: string;
}

const OCI_BLOB = /^(?:sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})$/;

/** All blobs that can be manifests or layers: those that are ACIs or configurations have an acceptance, or the name of an ACI. */
function ociBlobs(dir: string): readonly Blob[] {
  return ALGORITHMS.flatMap((algorithm) =>
    readFolders(blobsDir(dir, algorithm)).flatMap((shard) => {
      const folder = join(blobsDir(dir, algorithm), shard);
      const names = new Set(readNames(folder));
      return [...names]
        .filter((name) => OCI_BLOB.test(name) && !names.has(`${name}${ACCEPTANCE_ENDING}`))
        .map((name) => ({ name, path: join(folder, name) }));
    }),
  );
}
