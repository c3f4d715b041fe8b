import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { below } from '#base/fs/below';
import { makeDirs } from '#base/fs/make-dirs';
import type { PodUuid } from '#schema/types/pod-uuid';

/** The folders that pods lie in, in the order in which a pod passes through them. */
export const POD_PHASES = [
  'embryo',
  'prepare',
  'prepared',
  'run',
  'exited-garbage',
  'garbage',
] as const;

export type PodPhase = (typeof POD_PHASES)[number];

/** The group whose members may see pods without being root. */
const POD_GROUP = 'gantry';
const PODS_DIR_MODE = 0o755;
const PHASE_DIR_MODE = 0o2750;
const POD_DIR_MODE = 0o750;

export const podsDir = (dataDir: string): string => below(dataDir, 'pods');
export const phaseDir = (dataDir: string, phase: PodPhase): string =>
  below(podsDir(dataDir), phase);
export const podDirIn = (dataDir: string, phase: PodPhase, uuid: PodUuid): string =>
  below(phaseDir(dataDir, phase), uuid);

/** What `list` keeps of pods that have run, for the next one. */
export const keptListingPath = (dataDir: string): string => below(podsDir(dataDir), 'listing');

/** Where links from the names of pods to their UUIDs lie. */
export const podNamesDir = (dataDir: string): string => below(podsDir(dataDir), 'names');

/** Makes the folder of names; one that exists keeps its permissions. */
export function makePodNamesDir(dataDir: string): void {
  makeGroupDir(podNamesDir(dataDir));
}

/** Makes the folders of pods; those that exist keep their permissions, which the administrator may have chosen. */
export function makePhaseDirs(dataDir: string): void {
  makeDirs(podsDir(dataDir), PODS_DIR_MODE);
  for (const phase of POD_PHASES) makeGroupDir(phaseDir(dataDir, phase));
}

/** Makes one pod's directory, exclusively. @throws EEXIST, ENOENT when the folders of pods are missing */
export function makePodDir(path: string): void {
  mkdirSync(path);
  // mkdir cuts the mode by the caller's umask, which must not change.
  chmodSync(path, POD_DIR_MODE);
}

/** Gives a file in a pod's directory to the directory's group, which alone inherits it: nothing that apps see does. */
export function giveToGroup(path: string): void {
  chownSync(path, -1, statSync(dirname(path)).gid);
}

/** Gives a file beside the folders of pods to the group that sees pods. */
export function giveToPodGroup(dataDir: string, path: string): void {
  chownSync(path, -1, statSync(phaseDir(dataDir, 'run')).gid);
}

function makeGroupDir(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    throw error;
  }
  const gid = podGroupId();
  if (gid !== undefined) chownSync(path, -1, gid);
  chmodSync(path, PHASE_DIR_MODE);
}

/** The number of the group that sees pods; undefined when this machine has none. */
export function podGroupId(): number | undefined {
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .find((entry) => entry.startsWith(`${POD_GROUP}:`));
    return line === undefined ? undefined : Number(line.split(':')[2]);
  } catch {
    return undefined;
  }
}
