import { chmodSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '#base/fs/atomic';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, parseImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import {
  acceptancePath,
  blobPath,
  blobsDir,
  manifestPath,
  nameDir,
  nameMarkerPath,
  recordPath,
} from '../format/layout.ts';
import { makeStoreDir, STORE_FILE_MODE } from '../format/permissions.ts';
import { formatKeeping, readKeeping } from './acceptance.ts';
import { readNames } from './records.ts';
import { formatRecord } from './stored-record.ts';

/** What to write down of an image about which nothing is kept. */
export interface IndexDefaults {
  /** Where it came from, in words; it counts as accepted insecurely. Without it, such an image is refused. */
  readonly source?: string | undefined;
  /** The manifest's text, read from the blob; the copy in the store unless given. */
  readonly manifestText?: string | undefined;
}

/** Keys of all blobs, indexed or not. */
export function listBlobs(dir: string): readonly ImageKey[] {
  return readNames(blobsDir(dir))
    .flatMap((shard) => readNames(join(blobsDir(dir), shard)))
    .filter((name) => /^sha512-[0-9a-f]{64}$/.test(name))
    .map(parseImageKey);
}

/**
 * Makes the index of one image anew from its blob and what is kept beside it.
 * @throws GantryError STORE_DAMAGED, IMAGE_MANIFEST_INVALID
 */
export function indexBlob(
  { dir }: StoreContext,
  key: ImageKey,
  { source, manifestText }: IndexDefaults,
): void {
  const mode = STORE_FILE_MODE;
  const { size, mtimeMs } = statSync(blobPath(dir, key));
  const importTime = Math.trunc(mtimeMs);
  const text = manifestText ?? readFileSync(manifestPath(dir, key), 'utf8');
  const { name, labels = [] } = parseImageManifest(text);
  ensureKeeping(dir, key, { time: importTime, source });

  chmodSync(blobPath(dir, key), mode);
  makeStoreDir(dirname(manifestPath(dir, key)));
  makeStoreDir(nameDir(dir, name));
  writeFileAtomic(manifestPath(dir, key), text, { mode });
  writeFileAtomic(nameMarkerPath(dir, name, key), '', { mode });
  const record = formatRecord({ key, name, labels, importTime, size });
  writeFileAtomic(recordPath(dir, key), record, { mode });
}

function ensureKeeping(
  dir: string,
  key: ImageKey,
  { time, source }: { readonly time: number; readonly source: string | undefined },
): void {
  if (isKeepingReadable(dir, key)) return;
  if (source === undefined) {
    throw new GantryError(
      'STORE_DAMAGED',
      `cannot keep image ${key}: nothing says how it was accepted`,
      { hint: 'fetch it again' },
    );
  }

  const keeping = formatKeeping({ accepted: { how: 'insecure', time, source }, latest: false });
  writeFileAtomic(acceptancePath(dir, key), keeping, { mode: STORE_FILE_MODE });
}

function isKeepingReadable(dir: string, key: ImageKey): boolean {
  try {
    return readKeeping(dir, key) !== undefined;
  } catch (error) {
    if (isGantryError(error, 'STORE_DAMAGED')) return false;
    throw error;
  }
}
