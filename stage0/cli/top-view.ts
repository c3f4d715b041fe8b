import type { AcName } from '#schema/types/names';
import type { PodUuid } from '#schema/types/pod-uuid';
import type { MeasuredPod, Measurement } from '../operations/measure-pods.ts';
import type { PodStateName } from '../pod/pod-state.ts';
import { type Rates, ratesOf } from '../usage/rates.ts';
import type { Usage } from '../usage/usage.ts';

/** What some processes use, and how fast. */
export interface Load {
  readonly usage: Usage;
  readonly rates: Rates;
}

export interface PodLoad extends Load {
  readonly uuid: PodUuid;
  readonly name: AcName | undefined;
  readonly state: PodStateName;
  readonly apps: readonly AppLoad[];
}

export interface AppLoad extends Load {
  readonly name: AcName;
}

/** What pods can be sorted by. */
export type TopOrder = 'cpu' | 'memory' | 'processes' | 'io';

export const TOP_ORDERS: readonly TopOrder[] = ['cpu', 'memory', 'processes', 'io'];

/** How fast pods that were measured twice use things. */
export function loadsOf(before: Measurement, after: Measurement): readonly PodLoad[] {
  const earlier = new Map(before.pods.map((pod) => [pod.uuid, pod]));
  const elapsedMs = after.at - before.at;

  return after.pods.map((pod) => podLoad(earlier.get(pod.uuid), pod, elapsedMs));
}

function podLoad(before: MeasuredPod | undefined, pod: MeasuredPod, elapsedMs: number): PodLoad {
  const earlier = new Map(before?.apps.map(({ name, usage }) => [name, usage]));

  return {
    ...pod,
    rates: ratesOf(before?.usage, pod.usage, elapsedMs),
    apps: pod.apps.map(({ name, usage }) => ({
      name,
      usage,
      rates: ratesOf(earlier.get(name), usage, elapsedMs),
    })),
  };
}

/** The greediest pods, and of each the greediest apps, first. */
export function sortLoads(loads: readonly PodLoad[], order: TopOrder): readonly PodLoad[] {
  const weight = WEIGHTS[order];
  const compare = (one: Load, other: Load): number => weight(other) - weight(one);

  return loads
    .map((pod) => ({ ...pod, apps: pod.apps.toSorted(compare) }))
    .toSorted((one, other) => compare(one, other));
}

const WEIGHTS: Readonly<Record<TopOrder, (load: Load) => number>> = {
  cpu: ({ rates }) => rates.cpu ?? 0,
  memory: ({ usage }) => usage.memory ?? 0,
  processes: ({ usage }) => usage.processes ?? 0,
  io: ({ rates }) => (rates.read ?? 0) + (rates.written ?? 0),
};
