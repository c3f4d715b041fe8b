import type { AcName } from '#schema/types/names';
import type { PodUuid } from '#schema/types/pod-uuid';
import { appCgroupDirs, lockHoldersOf, podCgroupDirs, processesBelow, readPodName } from '#stage1';
import { listPodUuids } from '../pod/find-pod.ts';
import { demandPodState, lookAtPod } from '../pod/look-at-pod.ts';
import { allows, demandState, type PodState, type PodStateName } from '../pod/pod-state.ts';
import { readPodManifest } from '../pod/read-pod.ts';
import { type Usage, usageOf } from '../usage/usage.ts';
import type { OperationContext } from './context.ts';
import { attemptTo } from './describe-pod.ts';

/** What a pod, and each of its apps, uses. */
export interface MeasuredPod {
  readonly uuid: PodUuid;
  readonly name: AcName | undefined;
  readonly state: PodStateName;
  /** With what serves its apps. */
  readonly usage: Usage;
  readonly apps: readonly MeasuredApp[];
}

export interface MeasuredApp {
  readonly name: AcName;
  readonly usage: Usage;
}

/** What pods used up to a moment. */
export interface Measurement {
  /** By the monotonic clock, milliseconds. */
  readonly at: number;
  readonly pods: readonly MeasuredPod[];
}

/** Refuses pods that do not run. @throws GantryError POD_STATE, POD_NOT_FOUND */
export function demandMeasurable(
  { kernel, dataDir }: OperationContext,
  uuids: readonly PodUuid[],
): void {
  for (const uuid of uuids) demandState(demandPodState(kernel, dataDir, uuid), 'measure');
}

/** Measures pods as far as they run. @param wanted every pod when it is left out */
export function measurePods(
  { kernel, dataDir }: OperationContext,
  wanted?: readonly PodUuid[],
): Measurement {
  const uuids = wanted ?? listPodUuids(dataDir, ['run']);
  const states = uuids
    .flatMap((uuid) => lookAtPod(kernel, { dataDir, uuid, from: 'run' }) ?? [])
    .filter((state) => allows(state, 'measure'));
  const cgroups = new Map(states.map(({ dir }) => [dir, podCgroupDirs(dir)]));
  const holders = lockHoldersOf(
    states.map(({ dir }) => dir).filter((dir) => !cgroups.get(dir)?.length),
  );

  return {
    at: performance.now(),
    pods: states.map((state) =>
      measurePod(state, {
        cgroups: cgroups.get(state.dir) ?? [],
        holders: holders.get(state.dir) ?? [],
      }),
    ),
  };
}

interface Traces {
  readonly cgroups: readonly string[];
  /** Who holds the lock of a pod that has no cgroup of its own. */
  readonly holders: readonly number[];
}

function measurePod(
  { uuid, dir, name: state }: PodState,
  { cgroups, holders }: Traces,
): MeasuredPod {
  const ignored = new Set<string>();
  const pids = cgroups.length === 0 ? holders : processesOf(cgroups);
  const usage = usageOf({ cgroups, pids });
  const apps = attemptTo(() => readPodManifest(dir), ignored)?.apps ?? [];

  return {
    uuid,
    name: attemptTo(() => readPodName(dir), ignored),
    state,
    usage,
    // Without a cgroup of its own the pod is nothing but its app.
    apps: apps.map(({ name }) => ({
      name,
      usage: cgroups.length === 0 && apps.length === 1 ? usage : appUsage(dir, name),
    })),
  };
}

function appUsage(podDir: string, app: AcName): Usage {
  const cgroups = appCgroupDirs(podDir, app);

  return usageOf({ cgroups, pids: processesOf(cgroups) });
}

const processesOf = (cgroups: readonly string[]): readonly number[] => [
  ...new Set(cgroups.flatMap(processesBelow)),
];
