import { existsSync, fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGantryError } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import { type LockMode, tryLockPath } from '#base/lock/directory-lock';
import { waitForLock } from '#base/lock/wait-for-lock';
import { deadlineIn } from '#base/time/deadline';
import type { PodUuid } from '#schema/types/pod-uuid';
import { releaseLockPath } from '#stage1';
import { type LockedPod, lockedPod } from './locked-pod.ts';
import { isStillAt, lookAtPod } from './look-at-pod.ts';
import { type PodPhase, podDirIn } from './pod-dirs.ts';
import type { PodState } from './pod-state.ts';

/** A pod in the phase in which it was seen. */
export interface SeenPod<Phase extends PodPhase> {
  readonly dataDir: string;
  readonly uuid: PodUuid;
  readonly phase: Phase;
}

/**
 * Locks a pod in the phase where it was seen.
 * @param mode shared keeps the pod from being removed and says nothing of its life
 * @returns undefined when somebody holds it, it has moved on, or is no directory
 */
export function tryLockPod<Phase extends PodPhase>(
  kernel: Kernel,
  pod: SeenPod<Phase>,
  mode: LockMode = 'exclusive',
): LockedPod<Phase> | undefined {
  const dir = podDirIn(pod.dataDir, pod.phase, pod.uuid);
  try {
    const lock = tryLockPath(kernel, dir, mode);
    if (lock === undefined) return undefined;
    if (isStillAt(lock.fd, dir) && fstatSync(lock.fd).isDirectory()) return lockedPod(pod, lock);

    lock.release();
    return undefined;
  } catch (error) {
    if (isGantryError(error, 'LOCK_NO_SUCH_PATH')) return undefined;
    throw error;
  }
}

/** How taking a pod came out. */
export type Taking<Phase extends PodPhase> =
  | { readonly kind: 'taken'; readonly pod: LockedPod<Phase> }
  /** Somebody else was faster: where the pod is now, undefined when it is gone. */
  | { readonly kind: 'lost'; readonly state: PodState | undefined }
  /** Somebody else holds it and does not let go. */
  | { readonly kind: 'held'; readonly state: PodState };

/** What taking a pod works with. */
export interface Taker {
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly env: Readonly<Record<string, string>>;
}

/** How long who looks at a pod, gives back what it held, or removes it, is waited for. */
const PATIENCE_MS = 10_000;
const LOOK_MS = 5;

/**
 * As `tryLockPod`, but waits for who will be done with the pod soon: who only
 * looks at it, who gives back what it held, who removes it.
 */
export async function takePod<Phase extends PodPhase>(
  taker: Taker,
  seen: SeenPod<Phase>,
): Promise<Taking<Phase>> {
  const deadline = deadlineIn(PATIENCE_MS);
  for (;;) {
    const pod = tryLockPod(taker.kernel, seen);
    if (pod !== undefined) return { kind: 'taken', pod };

    const state = lookAtPod(taker.kernel, { ...seen, from: seen.phase });
    if (state?.phase !== seen.phase) return { kind: 'lost', state };
    if (state.name === 'running' || deadline.passed()) return { kind: 'held', state };
    await waitForHolder(taker, state, deadline.left());
  }
}

/**
 * Who removes a pod holds its lock exclusively, who releases it a lock of its
 * own; those are waited on. Who looks at it holds the lock shared for some
 * microseconds: waiting for that with the wish to have it exclusively would
 * make the pod look alive to the next.
 */
async function waitForHolder(
  { exec, env }: Taker,
  state: PodState,
  timeoutMs: number,
): Promise<void> {
  const release = releaseLockPath(state.dir);
  if (state.name === 'exited deleting' || state.name === 'deleting') {
    await waitForLock(exec, { path: state.dir, timeoutMs, env });
  } else if (existsSync(release)) {
    await waitForLock(exec, { path: release, timeoutMs, env });
  }
  await sleep(LOOK_MS);
}
