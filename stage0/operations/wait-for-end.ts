import { watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { waitForLock } from '#base/lock/wait-for-lock';
import { deadlineIn, LONGEST_TIMER_MS } from '#base/time/deadline';
import { isRoot } from '#base/kernel/is-root';
import { demandPodState, readPodState } from '../pod/look-at-pod.ts';
import { phaseDir } from '../pod/pod-dirs.ts';
import { demandState, hasEnded, type PodState } from '../pod/pod-state.ts';
import type { OperationContext } from './context.ts';
import { releaseEndedPod } from './release-ended.ts';

export interface WaitOptions {
  /** Infinite for ever. */
  readonly timeoutMs: number;
  /** Ends the wait early, as if the pod had ended. */
  readonly signal?: AbortSignal | undefined;
}

/** How often the cgroup of a pod is looked at that has lost its first process, by who may not end it. */
const ORPHAN_POLL_MS = 100;

/**
 * Waits until a pod has ended or is gone: for a running one on its lock, for
 * one that does not run yet until it leaves its folder. One whose first process
 * was killed while its apps live on is ended.
 * @throws GantryError POD_NOT_FOUND, WAIT_TIMED_OUT; POD_STATE for one that will never run
 */
export async function waitForEnd(
  context: OperationContext,
  uuid: PodUuid,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const { kernel, dataDir } = context;
  const deadline = deadlineIn(timeoutMs);
  demandPodState(kernel, dataDir, uuid);
  for (;;) {
    const state = readPodState(kernel, dataDir, uuid);
    if (state === undefined || hasEnded(state) || signal?.aborted === true) return;
    demandState(state, 'wait for the end of');
    if (deadline.passed()) throw timedOut(state);

    await waitForChange(context, state, { timeoutMs: deadline.left(), signal });
  }
}

/** Waits until a pod may be in another state than it was, or the time is over. */
export async function waitForChange(
  context: OperationContext,
  state: PodState,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const { exec, env } = context;
  if (state.name === 'orphaned') await waitForOrphan(context, state, timeoutMs);
  else if (state.name === 'prepared') await waitForMove(context, state, { timeoutMs, signal });
  // Whoever makes the pod, or is it, has its lock.
  else await waitForLock(exec, { path: state.dir, timeoutMs, env, signal });
}

/** The kernel offers no wait for an empty v1 cgroup. */
async function waitForOrphan(
  context: OperationContext,
  { uuid }: PodState,
  timeoutMs: number,
): Promise<void> {
  if (isRoot()) await releaseEndedPod(context, uuid, { wait: true });
  else await sleep(Math.min(ORPHAN_POLL_MS, timeoutMs));
}

async function waitForMove(
  { kernel, dataDir }: OperationContext,
  { uuid, phase }: PodState,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const timer = AbortSignal.timeout(Math.min(timeoutMs, LONGEST_TIMER_MS));
  await new Promise<void>((resolve) => {
    const watcher = watch(phaseDir(dataDir, phase), () => {
      if (readPodState(kernel, dataDir, uuid)?.phase !== phase) done();
    });
    const done = (): void => {
      watcher.close();
      resolve();
    };
    timer.addEventListener('abort', done);
    signal?.addEventListener('abort', done);
    // It may have moved before the watching began.
    if (readPodState(kernel, dataDir, uuid)?.phase !== phase) done();
  });
}

/** The refusal to wait any longer. */
export function timedOut({ uuid, name }: PodState): GantryError {
  return new GantryError('WAIT_TIMED_OUT', `cannot wait longer for pod ${uuid}: it is ${name}`);
}
