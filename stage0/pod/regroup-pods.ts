import { lchownSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { podManifestPath, podNamePath } from '#stage1';
import { keptListingPath, POD_PHASES, phaseDir, podGroupId, podNamesDir } from './pod-dirs.ts';

/**
 * Gives pods to the group that sees pods which were made before the group:
 * root's part, done once. Folders come before the pods in them, so that no new
 * pod escapes it, and pods in the order of life, so that none that moves does.
 * How long a pod has been what it is counts anew from then.
 * @returns whether there was anything to do
 */
export function regroupPods(dataDir: string): boolean {
  const gid = podGroupId();
  if (gid === undefined || process.geteuid?.() !== 0) return false;
  const folders = POD_PHASES.map((phase) => phaseDir(dataDir, phase));
  const [garbage, ...others] = [...folders.toReversed(), podNamesDir(dataDir)];
  if ([garbage, ...others].every((folder) => isGivenOrGone(folder, gid))) return false;

  for (const folder of others) give(folder, gid);
  for (const folder of folders)
    for (const name of namesIn(folder)) givePod(join(folder, name), gid);
  give(keptListingPath(dataDir), gid);
  // Whoever dies before begins again.
  give(garbage, gid);

  return true;
}

/** What is in it that not everybody may read; all else, which apps see too, stays root's. */
function givePod(dir: string, gid: number): void {
  for (const path of [dir, podManifestPath(dir), podNamePath(dir)]) give(path, gid);
}

function isGivenOrGone(path: string, gid: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });

  return stats === undefined || stats.gid === gid;
}

function give(path: string, gid: number): void {
  try {
    lchownSync(path, -1, gid);
  } catch (error) {
    // Pods come and go; a stray is no pod.
    if (!isGone(error)) throw error;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');
