import type { PodState } from '../pod/pod-state.ts';
import { waitForPath } from '../pod/wait-for-path.ts';
import type { OperationContext } from './context.ts';
import { type WaitOptions, waitForChange } from './wait-for-end.ts';

export interface ProgressOptions extends Pick<WaitOptions, 'timeoutMs'> {
  /** Where something appears when the pod has come further. */
  readonly paths: readonly string[];
}

/** Waits until a pod has come further or may be in another state than it was, or the time is over. */
export async function waitForProgress(
  context: OperationContext,
  state: PodState,
  { paths, timeoutMs }: ProgressOptions,
): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  const waits = [
    waitForChange(context, state, { timeoutMs, signal }),
    ...paths.map((path) => waitForPath(path, signal)),
  ];
  try {
    await Promise.race(waits);
  } finally {
    done.abort();
    await Promise.all(waits);
  }
}
