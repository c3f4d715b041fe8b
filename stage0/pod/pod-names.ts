import { readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { type AcName, isAcName } from '#schema/types/names';
import { type PodUuid, parsePodUuid } from '#schema/types/pod-uuid';
import { podNamesDir } from './pod-dirs.ts';

// A pod's own name is in its directory. Whose a name is says a symbolic link in
// `pods/names`: called as the pod, leading to its UUID. Links change under a
// lock on their folder (claim-pod-name.ts).

/** The pod that was given a name last; it may be gone. */
export function findPodByName(dataDir: string, name: AcName): PodUuid | undefined {
  let target: string;
  try {
    target = readlinkSync(linkPath(dataDir, name));
  } catch (error) {
    if (['ENOENT', 'EINVAL', 'ENAMETOOLONG'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }

  try {
    return parsePodUuid(target);
  } catch {
    return undefined;
  }
}

/** Every name that was given and not given up. */
export function listPodNames(dataDir: string): readonly AcName[] {
  try {
    return readdirSync(podNamesDir(dataDir)).filter(isAcName);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Lets a name lead to a pod; whatever it led to before. */
export function linkPodName(dataDir: string, name: AcName, uuid: PodUuid): void {
  unlinkPodName(dataDir, name);
  symlinkSync(uuid, linkPath(dataDir, name));
}

export function unlinkPodName(dataDir: string, name: AcName): void {
  try {
    unlinkSync(linkPath(dataDir, name));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

const linkPath = (dataDir: string, name: AcName): string => join(podNamesDir(dataDir), name);
