import { chmodSync, chownSync, lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import type { StoreContext } from './context.ts';
import { blobsDir, indexDir, manifestsDir, storeDirs, versionPath } from './layout.ts';
import { STORE_DIR_MODE, STORE_FILE_MODE, storeGroupId } from './permissions.ts';

/**
 * Gives a store to its group that was made before the group: root's part, done
 * once, folders before what is in them so that nothing new escapes it. What is
 * rendered stays root's.
 * @returns whether there was anything to do
 */
export function regroupStore({ dir, groupId = storeGroupId() }: StoreContext): boolean {
  if (groupId === undefined || process.geteuid?.() !== 0) return false;
  if (lstatSync(dir).gid === groupId) return false;

  for (const folder of storeDirs(dir)) give(folder, groupId);
  // Not what is in tmp/ and the lock folders: that belongs to whoever made it.
  const blobs = dirname(blobsDir(dir, 'sha512'));
  const manifests = dirname(manifestsDir(dir, 'sha512'));
  for (const folder of [blobs, manifests, indexDir(dir)]) {
    giveContents(folder, groupId);
  }
  give(versionPath(dir), groupId);
  // Last: whoever dies before begins again.
  give(dir, groupId);

  return true;
}

function giveContents(folder: string, gid: number): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    give(join(entry.parentPath, entry.name), gid);
  }
}

function give(path: string, gid: number): void {
  try {
    const stats = lstatSync(path);
    if (stats.isSymbolicLink()) return;
    chownSync(path, -1, gid);
    chmodSync(path, stats.isDirectory() ? STORE_DIR_MODE : STORE_FILE_MODE);
  } catch (error) {
    // Unfinished work comes and goes.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
