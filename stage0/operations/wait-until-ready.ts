import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { pidPath, supervisorStatusPath } from '#stage1';
import { deadlineIn } from '#base/time/deadline';
import { demandPodState, readPodState } from '../pod/look-at-pod.ts';
import { podPid } from '../pod/pod-process.ts';
import { hasEnded, type PodState } from '../pod/pod-state.ts';
import { readPodFlavor, stage1Outside } from '../pod/read-pod.ts';
import { promises } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import { timedOut, type WaitOptions } from './wait-for-end.ts';
import { waitForProgress } from './wait-for-progress.ts';

/** What a supervisor says when it is ready (rkt's stage1 implementor's guide). */
const READY = 'ready';

/** Besides pods that have ended. */
const NEVER_READY: readonly PodState['name'][] = ['aborted prepare', 'orphaned'];

/**
 * Waits until all apps of a pod have started, and those that say when they are
 * ready have said it; under a flavor that does not tell, until the pod runs.
 * @throws GantryError POD_NOT_FOUND, POD_NOT_READY when it ended before, WAIT_TIMED_OUT
 */
export async function waitUntilReady(
  context: OperationContext,
  uuid: PodUuid,
  { timeoutMs }: Pick<WaitOptions, 'timeoutMs'>,
): Promise<void> {
  const { kernel, dataDir } = context;
  const deadline = deadlineIn(timeoutMs);
  demandPodState(kernel, dataDir, uuid);
  for (;;) {
    const state = readPodState(kernel, dataDir, uuid);
    if (state === undefined || NEVER_READY.includes(state.name) || hasEnded(state)) {
      throw neverReady(uuid, state);
    }
    if (isReady(state)) return;
    if (deadline.passed()) throw timedOut(state);

    const paths = state.name === 'running' ? [markPath(state)] : [];
    await waitForProgress(context, state, { paths, timeoutMs: deadline.left() });
  }
}

function isReady(state: PodState): boolean {
  if (state.name !== 'running') return false;
  if (!promises(readPodFlavor(state.dir), 'readiness')) return podPid(state.dir) !== undefined;

  try {
    return basename(readlinkSync(markPath(state))) === READY;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EINVAL'].includes(errorCode(error) ?? '')) return false;
    throw error;
  }
}

/** What appears when the pod is ready. */
function markPath({ dir }: PodState): string {
  return promises(readPodFlavor(dir), 'readiness')
    ? stage1Outside(dir, supervisorStatusPath(dir))
    : pidPath(dir);
}

function neverReady(uuid: PodUuid, state: PodState | undefined): GantryError {
  return new GantryError(
    'POD_NOT_READY',
    `cannot wait for pod ${uuid} to be ready: it is ${state?.name ?? 'gone'}`,
    { hint: `see how it ended with "gantry status ${uuid}"` },
  );
}
