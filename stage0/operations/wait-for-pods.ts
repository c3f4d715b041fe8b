import type { PodUuid } from '#schema/types/pod-uuid';
import { readPodState } from '../pod/look-at-pod.ts';
import type { OperationContext } from './context.ts';
import { podStatus } from './list.ts';
import type { PodStatus, WaitResult } from './outcomes.ts';
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

  return podExitCode(podStatus(context, uuid));
}

/**
 * The exit status that a pod's apps amount to: that of the first one that
 * failed, 0 when all ended well; where the first to end ends the pod, that one's.
 * @returns undefined when the status of one is not known and no other failed
 */
export function podExitCode({
  apps,
  exitPolicy,
}: Pick<PodStatus, 'apps' | 'exitPolicy'>): number | undefined {
  const ended = apps
    .filter(({ exitCode }) => exitCode !== undefined)
    .toSorted((one, other) => (one.finishedAt ?? 0) - (other.finishedAt ?? 0));
  if (exitPolicy === 'first-exit' && ended.length > 0) return ended[0]?.exitCode;

  const failed = ended.find(({ exitCode }) => exitCode !== 0);
  if (failed !== undefined) return failed.exitCode;
  return apps.length > 0 && ended.length === apps.length ? 0 : undefined;
}
