import type { PodUuid } from '#schema/types/pod-uuid';
import { readPodState } from '../pod/look-at-pod.ts';
import type { OperationContext } from './context.ts';
import { podStatus } from './list.ts';
import type { AppStatus, WaitResult } from './outcomes.ts';
import { type WaitOptions, waitForEnd } from './wait-for-end.ts';

/** Waits until pods have ended, for all of them at once; each has its own result, in the order given. */
export async function waitForPods(
  context: OperationContext,
  uuids: readonly PodUuid[],
  options: WaitOptions,
): Promise<readonly WaitResult[]> {
  return await Promise.all(uuids.map((uuid) => waitForPod(context, uuid, options)));
}

async function waitForPod(
  context: OperationContext,
  uuid: PodUuid,
  options: WaitOptions,
): Promise<WaitResult> {
  try {
    await waitForEnd(context, uuid, options);
    return { uuid, error: undefined, exitCode: readPodExitCode(context, uuid) };
  } catch (error) {
    return { uuid, error, exitCode: undefined };
  }
}

function readPodExitCode(context: OperationContext, uuid: PodUuid): number | undefined {
  // It may have been removed the moment that it ended.
  if (readPodState(context.kernel, context.dataDir, uuid) === undefined) return undefined;

  return podExitCode(podStatus(context, uuid).apps);
}

/**
 * The exit status that apps amount to: that of the first one that failed, 0
 * when all ended well.
 * @returns undefined when the status of one is not known and no other failed
 */
export function podExitCode(apps: readonly AppStatus[]): number | undefined {
  const [first] = apps
    .filter(({ exitCode }) => exitCode !== undefined && exitCode !== 0)
    .toSorted((one, other) => (one.finishedAt ?? 0) - (other.finishedAt ?? 0));
  if (first !== undefined) return first.exitCode;

  return apps.length > 0 && apps.every(({ exitCode }) => exitCode === 0) ? 0 : undefined;
}
