import { lstatSync } from 'node:fs';
import type { Kernel } from '#base/kernel/kernel';
import { lookAtPod, type PodTrail } from './look-at-pod.ts';
import type { PodState } from './pod-state.ts';

/**
 * Reads something of a pod that may move meanwhile: what was read, or failed to
 * be, in a folder that the pod has left counts for nothing and is read again
 * where the pod is now.
 * @returns undefined when there is no such pod (any more)
 * @throws what `read` throws of a pod that stays where it is
 */
export function readMovingPod<Result>(
  kernel: Kernel,
  trail: PodTrail,
  read: (state: PodState) => Result,
): Result | undefined {
  for (;;) {
    const state = lookAtPod(kernel, trail);
    if (state === undefined) return undefined;
    try {
      const result = read(state);
      if (isThere(state.dir)) return result;
    } catch (error) {
      if (isThere(state.dir)) throw error;
    }
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
