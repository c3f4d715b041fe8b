import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import type { PodPhase } from './pod-dirs.ts';

/**
 * Where a pod stands. Its phase is the folder it lies in; whether somebody is
 * at work on it, or it lives, is an exclusive lock on its directory. For a
 * flavor whose payload can outlive the process that holds the lock, the pod's
 * own cgroup counts too: lock free and cgroup not empty is `orphaned`, and
 * whoever finds it so ends it.
 *
 *     folder           locked             free
 *     embryo           embryo             embryo
 *     prepare          preparing          aborted prepare
 *     prepared         prepared           prepared
 *     run              running            exited | orphaned
 *     exited-garbage   exited deleting    exited garbage
 *     garbage          deleting           garbage
 *
 *     embryo -> prepare -> [prepared ->] run -> exited-garbage -> gone
 *     embryo, prepare, prepared -> garbage -> gone
 */
export type PodState = { readonly uuid: PodUuid; readonly dir: string } & (
  | { readonly name: 'embryo'; readonly phase: 'embryo' }
  | { readonly name: 'preparing' | 'aborted prepare'; readonly phase: 'prepare' }
  | { readonly name: 'prepared'; readonly phase: 'prepared' }
  | { readonly name: 'running' | 'orphaned' | 'exited'; readonly phase: 'run' }
  | { readonly name: 'exited deleting' | 'exited garbage'; readonly phase: 'exited-garbage' }
  | { readonly name: 'deleting' | 'garbage'; readonly phase: 'garbage' }
);

export type PodStateName = PodState['name'];

/** The states in which users see pods, in the order of life. */
export const LISTED_STATES: readonly PodStateName[] = [
  'preparing',
  'aborted prepare',
  'prepared',
  'running',
  'orphaned',
  'exited',
  'exited deleting',
  'exited garbage',
];

/** What is seen of a pod's directory. */
export interface PodSighting {
  readonly uuid: PodUuid;
  readonly dir: string;
  readonly phase: PodPhase;
  readonly locked: boolean;
  /** Looked at only where it matters: whether the pod's own cgroup has processes. */
  readonly populated: () => boolean;
}

/** The state that a sighting means: the table above. */
export function podState(sighting: PodSighting): PodState {
  return STATES[sighting.phase](sighting);
}

const STATES: Readonly<Record<PodPhase, (sighting: PodSighting) => PodState>> = {
  embryo: ({ uuid, dir }) => ({ uuid, dir, phase: 'embryo', name: 'embryo' }),
  prepare: ({ uuid, dir, locked }) => ({
    uuid,
    dir,
    phase: 'prepare',
    name: locked ? 'preparing' : 'aborted prepare',
  }),
  prepared: ({ uuid, dir }) => ({ uuid, dir, phase: 'prepared', name: 'prepared' }),
  run: ({ uuid, dir, locked, populated }) => {
    if (locked) return { uuid, dir, phase: 'run', name: 'running' };
    return { uuid, dir, phase: 'run', name: populated() ? 'orphaned' : 'exited' };
  },
  'exited-garbage': ({ uuid, dir, locked }) => ({
    uuid,
    dir,
    phase: 'exited-garbage',
    name: locked ? 'exited deleting' : 'exited garbage',
  }),
  garbage: ({ uuid, dir, locked }) => ({
    uuid,
    dir,
    phase: 'garbage',
    name: locked ? 'deleting' : 'garbage',
  }),
};

/** The states in which a pod may have said something. */
export const LOGGED_STATES: readonly PodStateName[] = [
  'running',
  'orphaned',
  'exited',
  'exited garbage',
  'exited deleting',
];

/** Whether the pod can be started by `run-prepared`. */
export const canRun = (state: PodState): boolean => state.name === 'prepared';

/** Whether a process can be started in the pod. */
export const canEnter = (state: PodState): boolean => state.name === 'running';

/** Whether what the pod's apps left behind is theirs no more, and not yet being removed. */
export const canExport = (state: PodState): boolean =>
  state.name === 'exited' || state.name === 'exited garbage';

/** Whether the pod's end can be asked for: it lives, or what is left of it does. */
export const canStop = (state: PodState): boolean =>
  state.name === 'running' || state.name === 'orphaned';

/** Whether the pod has run and its end is known or will be: stopping it is nothing. */
export const hasEnded = (state: PodState): boolean =>
  ['exited', 'exited deleting', 'exited garbage', 'deleting', 'garbage'].includes(state.name);

/** Whether the pod may be removed. */
export const canRemove = (state: PodState): boolean => REMOVABLE[state.name];

const REMOVABLE: Readonly<Record<PodStateName, boolean>> = {
  embryo: false,
  preparing: false,
  'aborted prepare': true,
  prepared: true,
  running: false,
  orphaned: true,
  exited: true,
  'exited deleting': false,
  'exited garbage': true,
  deleting: false,
  garbage: true,
};

/** The refusal of what a pod's state does not allow. @param action in words: `run`, `remove`, `enter` */
export function wrongState(action: string, state: PodState): GantryError {
  return new GantryError('POD_STATE', `cannot ${action} pod ${state.uuid}: it is ${state.name}`, {
    hint: HINTS[state.name],
  });
}

/** The refusal when another gantry was faster, or is at work on the pod. */
export function podBusy(action: string, { uuid, name }: PodState): GantryError {
  return new GantryError(
    'POD_BUSY',
    `cannot ${action} pod ${uuid}: another gantry has it (${name})`,
  );
}

const HINTS: Partial<Record<PodStateName, string>> = {
  running: 'stop it first with "gantry stop"',
  preparing: 'wait until it is prepared',
};
