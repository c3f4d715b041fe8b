import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { type Fd, type Kernel, LOCK } from '#base/kernel/kernel';
import type { PodUuid } from '#schema/types/pod-uuid';
import { isPodCgroupPopulated } from '#stage1';
import { POD_PHASES, type PodPhase, podDirIn } from './pod-dirs.ts';
import { type PodState, podState } from './pod-state.ts';

/** A pod, and the earliest phase in which it can be. */
export interface PodTrail {
  readonly dataDir: string;
  readonly uuid: PodUuid;
  readonly from?: PodPhase | undefined;
}

/**
 * Where a pod stands at this moment.
 * @returns undefined when there is no such pod
 */
export const readPodState = (
  kernel: Kernel,
  dataDir: string,
  uuid: PodUuid,
): PodState | undefined => lookAtPod(kernel, { dataDir, uuid });

/** As `readPodState`, for who knows which phases the pod has left behind. */
export function lookAtPod(
  kernel: Kernel,
  { dataDir, uuid, from = 'embryo' }: PodTrail,
): PodState | undefined {
  // A pod only ever moves on: if it left while it was looked at, it is in a later folder.
  for (const phase of POD_PHASES.slice(POD_PHASES.indexOf(from))) {
    const dir = podDirIn(dataDir, phase, uuid);
    const seen = lookAt(kernel, dir);
    if (seen === undefined) continue;
    return podState({ uuid, dir, phase, ...seen, populated: () => isPodCgroupPopulated(dir) });
  }

  return undefined;
}

/** As `readPodState`. @throws GantryError POD_NOT_FOUND */
export function demandPodState(kernel: Kernel, dataDir: string, uuid: PodUuid): PodState {
  const state = readPodState(kernel, dataDir, uuid);
  if (state !== undefined) return state;

  throw new GantryError('POD_NOT_FOUND', `cannot find pod ${uuid}: no such pod`, {
    hint: 'see "gantry list"',
  });
}

interface Look {
  readonly isDirectory: boolean;
  /** Exclusively. */
  readonly locked: boolean;
}

const ONLY_A_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** What open(2) says to those flags where something else is. */
const SOMETHING_ELSE: readonly string[] = ['ENOTDIR', 'ELOOP'];

/** @returns undefined when there is nothing (any more) */
function lookAt(kernel: Kernel, dir: string): Look | undefined {
  let fd: Fd;
  try {
    fd = openSync(dir, ONLY_A_DIRECTORY);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'ENOENT') return undefined;
    if (SOMETHING_ELSE.includes(code)) return { isDirectory: false, locked: false };
    throw error;
  }

  try {
    const free = kernel.flock(fd, LOCK.SH | LOCK.NB);
    return isStillAt(fd, dir) ? { isDirectory: true, locked: !free } : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Whether an open file still goes by its name. */
export function isStillAt(fd: Fd, path: string): boolean {
  const named = lstatSync(path, { throwIfNoEntry: false });
  if (named === undefined) return false;
  const open = fstatSync(fd);

  return open.ino === named.ino && open.dev === named.dev;
}
