import type { AcName } from '#schema/types/names';
import type { PodStateName } from './pod-state.ts';

/** Which pods are asked for; what is left out lets every pod pass. */
export interface PodFilter {
  /** In one of these. */
  readonly states?: readonly PodStateName[] | undefined;
  readonly podName?: AcName | undefined;
  /** With every one of these user labels, of its own or of an app; a label without a value may have any. */
  readonly labels?: readonly LabelFilter[] | undefined;
}

export interface LabelFilter {
  readonly name: string;
  readonly value?: string | undefined;
}

/** What of a pod's labels is looked at. */
export interface LabelledPod {
  readonly userLabels: Readonly<Record<string, string>>;
  readonly apps: readonly { readonly userLabels: Readonly<Record<string, string>> }[];
}

/** Whether a pod has all the labels that are asked for. */
export function hasLabels(pod: LabelledPod, wanted: readonly LabelFilter[] = []): boolean {
  if (wanted.length === 0) return true;
  const records = [pod.userLabels, ...pod.apps.map(({ userLabels }) => userLabels)];

  return wanted.every(({ name, value }) =>
    records.some(
      (labels) => Object.hasOwn(labels, name) && (value === undefined || labels[name] === value),
    ),
  );
}
