import { existsSync } from 'node:fs';
import type { Kernel } from '#base/kernel/kernel';
import type { PodUuid } from '#schema/types/pod-uuid';
import { readPodState } from './find-pod.ts';
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
  { dataDir, uuid }: { readonly dataDir: string; readonly uuid: PodUuid },
  read: (state: PodState) => Result,
): Result | undefined {
  for (;;) {
    const state = readPodState(kernel, dataDir, uuid);
    if (state === undefined) return undefined;
    try {
      const result = read(state);
      if (existsSync(state.dir)) return result;
    } catch (error) {
      if (existsSync(state.dir)) throw error;
    }
  }
}
