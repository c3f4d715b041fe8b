import type { LabelFilter, PodFilter } from '../pod/pod-filter.ts';
import { LISTED_STATES, type PodStateName } from '../pod/pod-state.ts';
import { readName } from './flag-values.ts';
import { usageError } from './usage-error.ts';

/** The flags by which pods are chosen. */
export interface FilterValues {
  readonly state: readonly string[];
  readonly 'pod-name': string | undefined;
  readonly label: readonly string[];
}

/** Reads them. @throws GantryError BAD_USAGE */
export function readPodFilter(values: FilterValues): PodFilter {
  const { state, label, 'pod-name': podName } = values;

  return {
    states:
      state.length === 0 ? undefined : state.flatMap((list) => list.split(',')).map(readState),
    podName: podName === undefined ? undefined : readName(podName, '--pod-name'),
    labels: label.map(readLabel),
  };
}

function readState(text: string): PodStateName {
  const state = LISTED_STATES.find((one) => one === text.trim());
  if (state !== undefined) return state;

  throw usageError(
    `cannot read --state: unknown state "${text}"`,
    `states are ${LISTED_STATES.join(', ')}`,
  );
}

function readLabel(text: string): LabelFilter {
  const at = text.indexOf('=');
  const name = at < 0 ? text : text.slice(0, at);
  if (name === '') throw usageError(`cannot read --label: "${text}" is not NAME or NAME=VALUE`);

  return at < 0 ? { name } : { name, value: text.slice(at + 1) };
}
