import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import { tryLockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import {
  ACCEPTANCE_ENDING,
  ALGORITHMS,
  blobPath,
  blobsDir,
  imageLocksDir,
  lastUsesDir,
  manifestsDir,
  namesDir,
  remotesDir,
  treeSizesDir,
} from '../format/layout.ts';
import { readKeepingIfSound } from '../index/acceptance.ts';
import { indexBlobAnew } from '../index/rebuild.ts';
import {
  isIndexed,
  keysIn,
  readFolders,
  readNames,
  readRemoteFile,
  removeFile,
} from '../index/records.ts';
import { treeLocksDir } from '../tree/tree-paths.ts';
import { passOver, unlessOdd } from './pass-over.ts';
import { deleteImage, tryLockImage } from './remove-image.ts';

/**
 * Puts in order what a killed removal, or a damaged index, has left: a blob
 * with what is kept beside it goes back into the index, anything else that
 * belongs to no image is removed.
 * @returns how many images' files were put in order
 */
export async function settleStrays(context: StoreContext): Promise<number> {
  const { dir, log } = context;
  let settled = 0;
  for (const key of strayKeys(dir)) {
    try {
      const isBack = await adopt(context, key);
      if (isBack) log.info(`put image ${key} back into the index`);
      if (isBack || removeStray(context, key)) settled += 1;
    } catch (error) {
      passOver(context, key, error);
    }
  }
  removeStrayRemotes(context);
  removeFreeLocks(context, imageLocksDir(dir));
  removeFreeLocks(context, treeLocksDir(dir));

  return settled;
}

/** Keys that some file speaks of and that are not in the index. */
function strayKeys(dir: string): readonly ImageKey[] {
  const below = (folder: string): readonly string[] =>
    readFolders(folder).map((name) => join(folder, name));
  const manifests = ALGORITHMS.flatMap((algorithm) => below(manifestsDir(dir, algorithm)));
  const aciBlobs = below(blobsDir(dir, 'sha512'));
  const ociBlobs = below(blobsDir(dir, 'sha256'));
  const named = [...aciBlobs, ...manifests, ...below(namesDir(dir)), lastUsesDir(dir)];
  const keys = [
    ...[...named, treeSizesDir(dir)].flatMap((folder) => keysIn(folder, '')),
    // Of the others only configurations are known by what is kept beside them.
    ...[...aciBlobs, ...ociBlobs].flatMap((folder) => keysIn(folder, ACCEPTANCE_ENDING)),
  ];

  return [...new Set(keys)].filter((key) => !isIndexed(dir, key));
}

async function adopt(context: StoreContext, key: ImageKey): Promise<boolean> {
  const { dir, log } = context;
  if (!existsSync(blobPath(dir, key)) || readKeepingIfSound(dir, key) === undefined) return false;

  try {
    return await indexBlobAnew(context, key);
  } catch (error) {
    if (!isGantryError(error)) throw error;
    log.warning(`removing the blob of image ${key}: ${errorMessage(error)}`);
    return false;
  }
}

function removeStray(context: StoreContext, key: ImageKey): boolean {
  const { dir } = context;
  using lock = tryLockImage(context, key);
  // Somebody may be bringing this very image, or has just brought it.
  if (lock === undefined || isIndexed(dir, key)) return false;

  deleteImage(dir, key);
  for (const name of readFolders(namesDir(dir))) removeFile(join(namesDir(dir), name, key));
  return true;
}

function removeStrayRemotes(context: StoreContext): void {
  const { dir } = context;
  for (const name of readNames(remotesDir(dir))) {
    const path = join(remotesDir(dir), name);
    unlessOdd(context, path, () => {
      const key = readRemoteFile(path)?.key;
      if (key === undefined || !isIndexed(dir, key)) removeFile(path);
    });
  }
}

/** Whoever is killed leaves the file of the lock that he held; letting go of a lock removes it. */
function removeFreeLocks(context: StoreContext, folder: string): void {
  for (const key of readNames(folder)) {
    unlessOdd(context, join(folder, key), () =>
      tryLockKey(context.kernel, { folder, key })?.release(),
    );
  }
}
