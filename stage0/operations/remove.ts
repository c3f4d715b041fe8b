import { unlinkSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { killPodCgroups } from '#stage1';
import { dropPodName } from '../pod/claim-pod-name.ts';
import { deletePodDir } from '../pod/delete-pod-dir.ts';
import { type LockedPod, movePod } from '../pod/locked-pod.ts';
import { demandPodState } from '../pod/look-at-pod.ts';
import { refuseNewerPod } from '../pod/pod-format.ts';
import { allows, demandState, podBusy } from '../pod/pod-state.ts';
import { takePod } from '../pod/take-pod.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import type { PodResult } from './outcomes.ts';
import { releasePod } from './release.ts';
import { killPod } from './stop.ts';

export interface RemoveOptions {
  /** Whether pods that run are killed, and those removed too that cannot give back what they held. */
  readonly force?: boolean;
}

/** Removes pods that are not running, one after the other; each has its own result. */
export async function* removePods(
  context: OperationContext,
  uuids: readonly PodUuid[],
  { force = false }: RemoveOptions = {},
): AsyncGenerator<PodResult> {
  using library = openLibrary(context);
  for (const uuid of uuids) {
    try {
      await removePod(context, library, { uuid, force });
      yield { uuid, error: undefined };
    } catch (error) {
      yield { uuid, error };
    }
  }
}

interface Removal {
  readonly uuid: PodUuid;
  readonly force: boolean;
}

async function removePod(
  context: OperationContext,
  library: Library,
  { uuid, force }: Removal,
): Promise<void> {
  const { kernel, dataDir } = context;
  if (force) await killIfRunning(context, library, uuid);
  const state = demandPodState(kernel, dataDir, uuid);
  demandState(state, 'remove');
  if (!state.isDirectory) return removeStray(state.dir);

  const taking = await takePod(context, { dataDir, uuid, phase: state.phase });
  switch (taking.kind) {
    case 'taken': {
      using pod = taking.pod;
      const marked = markPod(context, pod);
      if (marked !== undefined) await deletePod(context, library, { pod: marked, force });
      return;
    }
    case 'lost':
      // It is gone, which is what was wanted, or has begun to run, or is a step nearer to its removal.
      if (taking.state === undefined) tellRemoved(context, uuid);
      else await removePod(context, library, { uuid, force });
      return;
    case 'held':
      demandState(taking.state, 'remove');
      throw podBusy(taking.state, 'remove');
  }
}

/** @throws GantryError POD_TOO_NEW, before anything is done to a pod that would then be kept */
async function killIfRunning(
  context: OperationContext,
  library: Library,
  uuid: PodUuid,
): Promise<void> {
  const state = demandPodState(context.kernel, context.dataDir, uuid);
  if (!allows(state, 'stop')) return;

  refuseNewerPod(state.dir);
  await killPod(context, library, uuid);
}

function tellRemoved({ log }: OperationContext, uuid: PodUuid): void {
  log.info(`another gantry has removed pod "${uuid}"`);
}

/** Something in a pod's place that is no directory: nobody can lock it, and there is nothing in it. */
export function removeStray(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** A pod that waits for its removal. */
export type DeadPod = LockedPod<'exited-garbage'> | LockedPod<'garbage'>;

/**
 * Moves a pod that is not running to where pods wait for their removal. What
 * still runs of it is ended before: a pod that lives is not seen as garbage.
 * @throws GantryError POD_TOO_NEW
 * @returns undefined when somebody else was faster
 */
export function markPod(context: OperationContext, pod: LockedPod): DeadPod | undefined {
  refuseNewerPod(pod.dir);
  if (isIn(pod, 'embryo')) return movePod(pod, 'garbage');
  if (isIn(pod, 'prepare')) return movePod(pod, 'garbage');
  if (isIn(pod, 'prepared')) return movePod(pod, 'garbage');
  if (isIn(pod, 'run')) {
    killPodCgroups(context.kernel, pod.dir);
    // After a power loss it is marked again.
    return movePod(pod, 'exited-garbage', { durable: false });
  }
  if (isIn(pod, 'exited-garbage') || isIn(pod, 'garbage')) return pod;

  throw new Error(`pod in an unknown phase: ${pod.phase}`);
}

interface Deletion {
  readonly pod: DeadPod;
  /** Whether that it cannot give back what it held is no reason to keep it. */
  readonly force?: boolean;
}

/**
 * Removes a pod that waits for it. It becomes garbage before anything in it is
 * removed: half a pod is seen by nobody.
 * @throws GantryError POD_NOT_RELEASED when what it held could not be given back: nobody would know of it any more
 */
export async function deletePod(
  context: OperationContext,
  library: Library,
  { pod, force = false }: Deletion,
): Promise<void> {
  const garbage = isIn(pod, 'exited-garbage')
    ? await dropPod(context, library, { pod, force })
    : pod;
  if (garbage === undefined) return;

  dropPodName(context.kernel, garbage);
  deletePodDir(context.kernel, garbage.dir);
}

async function dropPod(
  context: OperationContext,
  library: Library,
  { pod, force }: { readonly pod: LockedPod<'exited-garbage'>; readonly force: boolean },
): Promise<LockedPod<'garbage'> | undefined> {
  const isReleased = await releasePod(context, library, { pod, force });
  if (!isReleased && !force) throw notReleased(pod.uuid);
  if (!isReleased) {
    context.log.warning(
      `pod ${pod.uuid} is removed all the same: what it held outside its directory may be left`,
    );
  }

  return movePod(pod, 'garbage', { durable: false });
}

/** The refusal to remove a pod whose stage1 cannot give back what it held. */
export function notReleased(uuid: PodUuid): GantryError {
  return new GantryError(
    'POD_NOT_RELEASED',
    `cannot remove pod ${uuid}: what it held could not be given back`,
    {
      hint: 'mend what its stage1 complains of, then try again; "gantry rm --force" removes it all the same and tells what may be left',
    },
  );
}

function isIn<Phase extends LockedPod['phase']>(
  pod: LockedPod,
  phase: Phase,
): pod is LockedPod<Phase> {
  return pod.phase === phase;
}
