import type { PodUuid } from '#schema/types/pod-uuid';
import { deletePodDir } from '../pod/delete-pod-dir.ts';
import { demandPodState, lockPod } from '../pod/find-pod.ts';
import { type LockedPod, movePod } from '../pod/locked-pod.ts';
import { dropPodName } from '../pod/claim-pod-name.ts';
import { canRemove, podBusy, wrongState } from '../pod/pod-state.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import type { PodResult } from './outcomes.ts';
import { releasePod } from './release.ts';

/** Removes pods that are not running; each has its own result. */
export async function removePods(
  context: OperationContext,
  uuids: readonly PodUuid[],
): Promise<readonly PodResult[]> {
  using library = openLibrary(context);
  const results: PodResult[] = [];
  for (const uuid of uuids) {
    try {
      await removePod(context, library, uuid);
      results.push({ uuid, error: undefined });
    } catch (error) {
      results.push({ uuid, error });
    }
  }

  return results;
}

async function removePod(
  context: OperationContext,
  library: Library,
  uuid: PodUuid,
): Promise<void> {
  const { kernel, dataDir } = context;
  const state = demandPodState(kernel, dataDir, uuid);
  if (!canRemove(state)) throw wrongState('remove', state);

  const locked = await lockPod(kernel, { dataDir, uuid, phase: state.phase });
  if (locked === undefined) throw podBusy('remove', demandPodState(kernel, dataDir, uuid));
  using pod = locked;
  await deletePod(context, library, await markPod(context, library, pod));
}

/** Moves a pod that is not running to where pods wait for their removal; what it held is given back first. */
export async function markPod(
  context: OperationContext,
  library: Library,
  pod: LockedPod,
): Promise<LockedPod<'exited-garbage' | 'garbage'>> {
  if (isIn(pod, 'embryo')) return movePod(pod, 'garbage');
  if (isIn(pod, 'prepare')) return movePod(pod, 'garbage');
  if (isIn(pod, 'prepared')) return movePod(pod, 'garbage');
  if (isIn(pod, 'run')) {
    await releasePod(context, library, pod);
    return movePod(pod, 'exited-garbage');
  }
  if (isIn(pod, 'exited-garbage') || isIn(pod, 'garbage')) return pod;

  throw new Error(`pod in an unknown phase: ${pod.phase}`);
}

/** Removes a pod that waits for it. */
export async function deletePod(
  context: OperationContext,
  library: Library,
  pod: LockedPod<'exited-garbage' | 'garbage'>,
): Promise<void> {
  if (isIn(pod, 'exited-garbage')) await releasePod(context, library, pod);
  dropPodName(context.kernel, pod);
  deletePodDir(context.kernel, pod.dir);
}

function isIn<Phase extends LockedPod['phase']>(
  pod: LockedPod,
  phase: Phase,
): pod is LockedPod<Phase> {
  return pod.phase === phase;
}
