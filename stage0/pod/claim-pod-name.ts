import { chmodSync, writeFileSync } from 'node:fs';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { type HeldLock, lockPath } from '#base/lock/directory-lock';
import type { AcName } from '#schema/types/names';
import type { PodUuid } from '#schema/types/pod-uuid';
import { podNamePath, readPodName } from '#stage1';
import { listPodUuids } from './find-pod.ts';
import { readPodState } from './look-at-pod.ts';
import type { LockedPod } from './locked-pod.ts';
import { giveToGroup, makePodNamesDir, POD_PHASES, podNamesDir } from './pod-dirs.ts';
import { findPodByName, linkPodName, listPodNames, unlinkPodName } from './pod-names.ts';
import type { PodStateName } from './pod-state.ts';

const POD_NAME_MODE = 0o640;

/**
 * Gives a pod its name.
 * @throws GantryError POD_NAME_TAKEN
 */
export function claimPodName(kernel: Kernel, pod: LockedPod<'prepare'>, name: AcName): void {
  const { dataDir, uuid, dir } = pod;
  makePodNamesDir(dataDir);
  using _lock: HeldLock = lockPath(kernel, podNamesDir(dataDir), 'exclusive');
  demandFreeName(kernel, dataDir, name);

  writeFileSync(podNamePath(dir), name);
  // Open to the group that lists pods, whatever the caller's umask.
  chmodSync(podNamePath(dir), POD_NAME_MODE);
  giveToGroup(podNamePath(dir));
  linkPodName(dataDir, name, uuid);
}

/** The states in which a pod keeps its name from others; in all others it is garbage, or as good as. */
const HOLDING: readonly PodStateName[] = ['preparing', 'prepared', 'running', 'orphaned', 'exited'];

/** Refuses a name that a pod has which is not garbage. @throws GantryError POD_NAME_TAKEN */
export function demandFreeName(kernel: Kernel, dataDir: string, name: AcName): void {
  const uuid = findPodByName(dataDir, name);
  const holder = uuid === undefined ? undefined : readPodState(kernel, dataDir, uuid);
  if (holder === undefined || !HOLDING.includes(holder.name)) return;

  throw new GantryError(
    'POD_NAME_TAKEN',
    `cannot call the pod "${name}": pod ${uuid}, which is ${holder.name}, is called so`,
    { hint: `remove that one first with "gantry rm ${name}", or choose another name` },
  );
}

/** Gives up the name of a pod that is about to be removed, unless another has it already. */
export function dropPodName(kernel: Kernel, { dataDir, uuid, dir }: LockedPod): void {
  const name = nameOf(dir);
  if (name === undefined || findPodByName(dataDir, name) !== uuid) return;

  using _lock: HeldLock = lockPath(kernel, podNamesDir(dataDir), 'exclusive');
  if (findPodByName(dataDir, name) === uuid) unlinkPodName(dataDir, name);
}

/** Forgets names of pods that are no more: of one that a power loss broke nobody knows its name when it is removed. */
export function dropStaleNames(kernel: Kernel, dataDir: string): void {
  const names = listPodNames(dataDir);
  if (names.length === 0) return;

  using _lock: HeldLock = lockPath(kernel, podNamesDir(dataDir), 'exclusive');
  const pods: ReadonlySet<PodUuid | undefined> = new Set(listPodUuids(dataDir, POD_PHASES));
  for (const name of names) {
    if (!pods.has(findPodByName(dataDir, name))) unlinkPodName(dataDir, name);
  }
}

/** Of a broken pod it may not be readable; then the link leads to nothing from now on, which is as good. */
function nameOf(dir: string): AcName | undefined {
  try {
    return readPodName(dir);
  } catch (error) {
    if (isGantryError(error, 'FILE_UNREADABLE')) return undefined;
    throw error;
  }
}
