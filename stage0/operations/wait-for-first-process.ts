import { existsSync } from 'node:fs';
import type { PodUuid } from '#schema/types/pod-uuid';
import { pidPath, ppidPath } from '#stage1';
import { readPodState } from '../pod/look-at-pod.ts';
import type { PodState } from '../pod/pod-state.ts';
import { waitForPath } from '../pod/wait-for-path.ts';
import type { OperationContext } from './context.ts';
import { waitForEnd } from './wait-for-end.ts';

/**
 * Waits until a pod that is just starting has its first process, or ends
 * without one.
 * @returns where it stands then, undefined when it is gone
 * @throws GantryError WAIT_TIMED_OUT
 */
export async function waitForFirstProcess(
  context: OperationContext,
  uuid: PodUuid,
  timeoutMs: number,
): Promise<PodState | undefined> {
  const { kernel, dataDir } = context;
  const state = readPodState(kernel, dataDir, uuid);
  if (state?.name !== 'running' || hasFirstProcess(state.dir)) return state;

  const done = new AbortController();
  const { signal } = done;
  const ended = waitForEnd(context, uuid, { timeoutMs, signal });
  try {
    await Promise.race([
      ended,
      waitForPath(pidPath(state.dir), signal),
      waitForPath(ppidPath(state.dir), signal),
    ]);
  } finally {
    done.abort();
    await ended.catch(() => {});
  }
  return readPodState(kernel, dataDir, uuid);
}

function hasFirstProcess(dir: string): boolean {
  return existsSync(pidPath(dir)) || existsSync(ppidPath(dir));
}
