import { watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { demandPodState, readPodState } from '../pod/find-pod.ts';
import { phaseDir } from '../pod/pod-dirs.ts';
import { hasEnded, type PodState } from '../pod/pod-state.ts';
import type { OperationContext } from './context.ts';

export interface WaitOptions {
  /** Infinite for ever. */
  readonly timeoutMs: number;
  /** Ends the wait early, as if the pod had ended. */
  readonly signal?: AbortSignal | undefined;
}

/** How often the cgroup of a pod is looked at whose first process was killed. */
const ORPHAN_POLL_MS = 100;
/** What flock(1) is told to exit with when the time is over. */
const TIMED_OUT = 75;

/**
 * Waits until a pod has ended or is gone: for a running one on its lock, for
 * one that does not run yet until it leaves its folder.
 * @throws GantryError POD_NOT_FOUND, WAIT_TIMED_OUT
 */
export async function waitForEnd(
  context: OperationContext,
  uuid: PodUuid,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const { kernel, dataDir, now } = context;
  const end = now() + timeoutMs;
  demandPodState(kernel, dataDir, uuid);
  for (;;) {
    const state = readPodState(kernel, dataDir, uuid);
    if (state === undefined || hasEnded(state) || signal?.aborted === true) return;
    const left = end - now();
    if (left <= 0) throw timedOut(state);

    await waitForChange(context, state, { timeoutMs: left, signal });
  }
}

/** Waits until a pod may be in another state than it was, or the time is over. */
export async function waitForChange(
  context: OperationContext,
  state: PodState,
  options: WaitOptions,
): Promise<void> {
  if (state.name === 'orphaned') await sleep(Math.min(ORPHAN_POLL_MS, options.timeoutMs));
  else if (state.phase === 'run') await waitForLock(context, state.dir, options);
  else await waitForMove(context, state, options);
}

/** flock(1) waits, so that this process stays free to be interrupted; it does not wait on when this one is gone. */
async function waitForLock(
  { exec, env }: OperationContext,
  dir: string,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const limit = Number.isFinite(timeoutMs) ? [`--timeout=${timeoutMs / 1000}`] : [];
  await exec.run({
    argv: [
      'setpriv',
      '--pdeathsig=TERM',
      'flock',
      '--shared',
      `--conflict-exit-code=${TIMED_OUT}`,
      ...limit,
      dir,
      'true',
    ],
    env: { PATH: env['PATH'] ?? '/usr/bin:/bin' },
    signal,
  });
}

async function waitForMove(
  { kernel, dataDir }: OperationContext,
  { uuid, phase }: PodState,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  const timer = Number.isFinite(timeoutMs) ? AbortSignal.timeout(timeoutMs) : undefined;
  await new Promise<void>((resolve) => {
    const watcher = watch(phaseDir(dataDir, phase), () => {
      if (readPodState(kernel, dataDir, uuid)?.phase !== phase) done();
    });
    const done = (): void => {
      watcher.close();
      resolve();
    };
    timer?.addEventListener('abort', done);
    signal?.addEventListener('abort', done);
    // It may have moved before the watching began.
    if (readPodState(kernel, dataDir, uuid)?.phase !== phase) done();
  });
}

/** The refusal to wait any longer. */
export function timedOut({ uuid, name }: PodState): GantryError {
  return new GantryError('WAIT_TIMED_OUT', `cannot wait longer for pod ${uuid}: it is ${name}`);
}
