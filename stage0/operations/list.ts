import type { Kernel } from '#base/kernel/kernel';
import type { PodUuid } from '#schema/types/pod-uuid';
import { readPodName } from '#stage1';
import { findPodInFile, findPodUuid, listPodTrails } from '../pod/find-pod.ts';
import { demandPodState, lookAtPod, type PodTrail } from '../pod/look-at-pod.ts';
import { hasLabels, type PodFilter } from '../pod/pod-filter.ts';
import type { PodState } from '../pod/pod-state.ts';
import { readMovingPod } from '../pod/read-moving-pod.ts';
import type { OperationContext } from './context.ts';
import { describePod } from './describe-pod.ts';
import { type KeptListing, openKeptListing } from './kept-listing.ts';
import type { PodListing, PodStatus } from './outcomes.ts';

/** Which pod is meant: a name, a UUID or an unambiguous beginning of one, or a file that holds it. */
export type PodSelector = { readonly uuid: string } | { readonly uuidFile: string };

/** @throws GantryError POD_NOT_FOUND, POD_AMBIGUOUS, UUID_FILE_UNREADABLE */
export function findPod({ dataDir }: OperationContext, selector: PodSelector): PodUuid {
  return 'uuid' in selector
    ? findPodUuid(dataDir, selector.uuid)
    : findPodInFile(dataDir, selector.uuidFile);
}

/** The pods that users may name and that a filter lets pass. One that is broken is among them and says so. */
export function listPods(
  { kernel, dataDir }: OperationContext,
  filter: PodFilter = {},
): PodListing {
  const pods: PodStatus[] = [];
  const errors: unknown[] = [];
  const kept = openKeptListing(dataDir);
  for (const trail of listPodTrails(dataDir)) {
    try {
      const pod = kept.find(trail) ?? lookAnew(kernel, trail, { filter, kept });
      if (pod !== undefined && passesAll(pod, filter)) pods.push(pod);
    } catch (error) {
      errors.push(error);
    }
  }
  kept.save();

  return { pods, errors };
}

interface Listing {
  readonly filter: PodFilter;
  readonly kept: KeptListing;
}

function lookAnew(
  kernel: Kernel,
  trail: PodTrail,
  { filter, kept }: Listing,
): PodStatus | undefined {
  const pod = describeMoving(kernel, trail, filter);
  if (pod !== undefined) kept.keep(pod);

  return pod;
}

function passesAll(pod: PodStatus, { states, podName, labels }: PodFilter): boolean {
  if (states !== undefined && !states.includes(pod.state)) return false;
  if (podName !== undefined && pod.name !== podName) return false;

  return hasLabels(pod, labels);
}

/** @returns undefined for a pod that does not pass, or has been removed meanwhile */
function describeMoving(
  kernel: Kernel,
  trail: PodTrail,
  filter: PodFilter = {},
): PodStatus | undefined {
  for (;;) {
    const pod = readMovingPod(kernel, trail, (state) =>
      passes(state, filter) ? describePod(state) : undefined,
    );
    // What is missing of a pod that is just being removed is no problem of it.
    if (pod?.problem === undefined || lookAtPod(kernel, trail)?.name === pod.state) return pod;
  }
}

function passes({ name, dir }: PodState, { states, podName }: PodFilter): boolean {
  if (states !== undefined && !states.includes(name)) return false;

  return podName === undefined || nameOf(dir) === podName;
}

/** What is known of one pod. @throws GantryError POD_NOT_FOUND */
export function podStatus({ kernel, dataDir }: OperationContext, uuid: PodUuid): PodStatus {
  const status = describeMoving(kernel, { dataDir, uuid });

  return status ?? describePod(demandPodState(kernel, dataDir, uuid));
}

function nameOf(dir: string): string | undefined {
  try {
    return readPodName(dir);
  } catch {
    // Of a broken pod that cannot be told.
    return undefined;
  }
}
