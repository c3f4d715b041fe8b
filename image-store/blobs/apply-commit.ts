import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncDir, writeFileAtomic } from '#base/fs/atomic';
import { lockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import {
  acceptancePath,
  blobPath,
  imageLocksDir,
  manifestPath,
  nameDir,
  nameMarkerPath,
  ociBlobPath,
  recordPath,
} from '../format/layout.ts';
import { makeStoreDir, STORE_FILE_MODE } from '../format/permissions.ts';
import { moveIntoStore } from '../format/store-file.ts';
import {
  formatKeeping,
  mergeKeeping,
  parseKeeping,
  readKeepingIfSound,
} from '../index/acceptance.ts';
import type { ImageRecord } from '../index/image-record.ts';
import { readRecord } from '../index/records.ts';
import { parseRecord } from '../index/stored-record.ts';
import { holdBlobs, partsOf } from './hold-blobs.ts';
import { INCOMING } from './incoming.ts';

/**
 * Moves the files of an image from its folder in tmp/ to where they belong, the
 * index record last: from then on it is visible. Needs no space on the disk.
 * May be repeated after having died anywhere:
 *
 *     blob, manifest of an OCI image, acceptance, manifest, name marker, record
 *
 * each is moved when it is still there. Synchronous throughout, so that no two
 * tasks of one process wait for each other's locks. The shared lock keeps gc
 * away, the exclusive one those who bring the same image.
 * @param folder the image's folder in tmp/; the record is there
 * @returns undefined when the blob, or a layer, is gone: the image was removed meanwhile
 */
export function applyCommit(context: StoreContext, folder: string): ImageRecord | undefined {
  const { dir, kernel } = context;
  const text = readFileSync(join(folder, INCOMING.record), 'utf8');
  const { key, name, oci } = parseRecord(text, 'record of an image being taken in');
  const locks = imageLocksDir(dir);
  using _shared = lockKey(kernel, { folder: locks, key, mode: 'shared' });
  using _parts = holdBlobs(context, oci === undefined ? [] : partsOf(oci));
  using _exclusive = lockKey(kernel, { folder: locks, key: `${key}.write` });

  if (!existsSync(join(folder, INCOMING.blob)) && !existsSync(blobPath(dir, key))) return undefined;
  const layers = oci?.layers ?? [];
  if (!layers.every(({ digest }) => existsSync(ociBlobPath(dir, digest)))) return undefined;

  const manifest = oci === undefined ? undefined : ociBlobPath(dir, oci.manifest);
  const folders = [
    dirname(blobPath(dir, key)),
    ...(manifest === undefined ? [] : [dirname(manifest)]),
    dirname(manifestPath(dir, key)),
    nameDir(dir, name),
  ];
  for (const path of folders) if (makeStoreDir(path)) syncDir(dirname(path));
  mergeWithKept(dir, folder, key);

  move(join(folder, INCOMING.blob), blobPath(dir, key));
  if (manifest !== undefined) move(join(folder, INCOMING.ociManifest), manifest);
  move(join(folder, INCOMING.keeping), acceptancePath(dir, key));
  move(join(folder, INCOMING.manifest), manifestPath(dir, key));
  move(join(folder, INCOMING.marker), nameMarkerPath(dir, name, key));
  for (const path of folders) syncDir(path);
  move(join(folder, INCOMING.record), recordPath(dir, key));
  syncDir(dirname(recordPath(dir, key)));

  // Under the lock: it may be collected as soon as that is free.
  return readRecord(context, key);
}

/** What is known of an image that is there already is kept where it says more. */
function mergeWithKept(dir: string, folder: string, key: ImageKey): void {
  const path = join(folder, INCOMING.keeping);
  if (!existsSync(path)) return;

  const given = parseKeeping(readFileSync(path, 'utf8'), `acceptance of image ${key}`);
  const kept = readKeepingIfSound(dir, key);
  if (kept === undefined) return;
  const merged = mergeKeeping(kept, given);
  writeFileAtomic(path, formatKeeping(merged), { mode: STORE_FILE_MODE });
}

function move(from: string, to: string): void {
  // Not there when whoever died in the middle of this had moved it already.
  if (existsSync(from)) moveIntoStore(from, to);
}
