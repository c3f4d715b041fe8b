import { unlinkSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { killPodCgroups } from '#stage1';
import { dropPodName } from '../pod/claim-pod-name.ts';
import { deletePodDir } from '../pod/delete-pod-dir.ts';
import { type LockedPod, movePod } from '../pod/locked-pod.ts';
import { demandPodState } from '../pod/look-at-pod.ts';
import { refuseNewerPod } from '../pod/pod-format.ts';
import { demandState, podBusy } from '../pod/pod-state.ts';
import { takePod } from '../pod/take-pod.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import type { PodResult } from './outcomes.ts';
import { releasePod } from './release.ts';

/** Removes pods that are not running, one after the other; each has its own result. */
export async function* removePods(
  context: OperationContext,
  uuids: readonly PodUuid[],
): AsyncGenerator<PodResult> {
  using library = openLibrary(context);
  for (const uuid of uuids) {
    try {
      await removePod(context, library, uuid);
      yield { uuid, error: undefined };
    } catch (error) {
      yield { uuid, error };
    }
  }
}

async function removePod(
  context: OperationContext,
  library: Library,
  uuid: PodUuid,
): Promise<void> {
  const { kernel, dataDir } = context;
  const state = demandPodState(kernel, dataDir, uuid);
  demandState(state, 'remove');
  if (!state.isDirectory) return removeStray(state.dir);

  const taking = await takePod(context, { dataDir, uuid, phase: state.phase });
  switch (taking.kind) {
    case 'taken': {
      using pod = taking.pod;
      const marked = await markPod(context, library, pod);
      if (marked !== undefined) await deletePod(context, library, marked);
      return;
    }
    case 'lost':
      // It is gone, which is what was wanted, or has begun to run, or is a step nearer to its removal.
      if (taking.state === undefined) tellRemoved(context, uuid);
      else await removePod(context, library, uuid);
      return;
    case 'held':
      demandState(taking.state, 'remove');
      throw podBusy(taking.state, 'remove');
  }
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
 * Moves a pod that is not running to where pods wait for their removal, and
 * gives back what it held. What still runs of it is ended before: a pod that
 * lives is not seen as garbage.
 * @throws GantryError POD_TOO_NEW
 * @returns undefined when somebody else was faster
 */
export async function markPod(
  context: OperationContext,
  library: Library,
  pod: LockedPod,
): Promise<DeadPod | undefined> {
  refuseNewerPod(pod.dir);
  if (isIn(pod, 'embryo')) return movePod(pod, 'garbage');
  if (isIn(pod, 'prepare')) return movePod(pod, 'garbage');
  if (isIn(pod, 'prepared')) return movePod(pod, 'garbage');
  if (isIn(pod, 'run')) {
    killPodCgroups(context.kernel, pod.dir);
    // After a power loss it is marked again.
    const ended = movePod(pod, 'exited-garbage', { durable: false });
    if (ended !== undefined) await releasePod(context, library, ended);
    return ended;
  }
  if (isIn(pod, 'exited-garbage') || isIn(pod, 'garbage')) return pod;

  throw new Error(`pod in an unknown phase: ${pod.phase}`);
}

/**
 * Removes a pod that waits for it. It becomes garbage before anything in it is
 * removed: half a pod is seen by nobody.
 * @throws GantryError POD_NOT_RELEASED when what it held could not be given back: nobody would know of it any more
 */
export async function deletePod(
  context: OperationContext,
  library: Library,
  pod: DeadPod,
): Promise<void> {
  const garbage = isIn(pod, 'exited-garbage') ? await dropPod(context, library, pod) : pod;
  if (garbage === undefined) return;

  dropPodName(context.kernel, garbage);
  deletePodDir(context.kernel, garbage.dir);
}

async function dropPod(
  context: OperationContext,
  library: Library,
  pod: LockedPod<'exited-garbage'>,
): Promise<LockedPod<'garbage'> | undefined> {
  if (await releasePod(context, library, pod)) return movePod(pod, 'garbage', { durable: false });

  throw new GantryError(
    'POD_NOT_RELEASED',
    `cannot remove pod ${pod.uuid}: what it held could not be given back`,
    { hint: 'mend what its stage1 complains of, then try again' },
  );
}

function isIn<Phase extends LockedPod['phase']>(
  pod: LockedPod,
  phase: Phase,
): pod is LockedPod<Phase> {
  return pod.phase === phase;
}
