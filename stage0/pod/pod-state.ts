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
 *     embryo -> prepare -> [prepared ->] run -> exited-garbage -> garbage -> gone
 *     embryo, prepare, prepared -> garbage -> gone
 *
 * Moves are made in locked-pod.ts, and only by who holds the lock.
 */
export type PodState = Place & Standing;

type Standing =
  | { readonly name: 'embryo'; readonly phase: 'embryo' }
  | { readonly name: 'preparing' | 'aborted prepare'; readonly phase: 'prepare' }
  | { readonly name: 'prepared'; readonly phase: 'prepared' }
  | { readonly name: 'running' | 'orphaned' | 'exited'; readonly phase: 'run' }
  | { readonly name: 'exited deleting' | 'exited garbage'; readonly phase: 'exited-garbage' }
  | { readonly name: 'deleting' | 'garbage'; readonly phase: 'garbage' };

export type PodStateName = PodState['name'];

interface Place {
  readonly uuid: PodUuid;
  readonly dir: string;
  /** False for something else in a pod's place, which no gantry made: it can be looked at and removed. */
  readonly isDirectory: boolean;
}

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
export interface PodSighting extends Place {
  readonly phase: PodPhase;
  readonly locked: boolean;
  /** Looked at only where it matters: whether the pod's own cgroup has processes. */
  readonly populated: () => boolean;
}

/** The state that a sighting means: the table above. */
export function podState(sighting: PodSighting): PodState {
  const { uuid, dir, isDirectory } = sighting;

  return { uuid, dir, isDirectory, ...STATES[sighting.phase](sighting) };
}

const STATES: Readonly<Record<PodPhase, (sighting: PodSighting) => Standing>> = {
  embryo: () => ({ phase: 'embryo', name: 'embryo' }),
  prepare: ({ locked }) => ({ phase: 'prepare', name: locked ? 'preparing' : 'aborted prepare' }),
  prepared: () => ({ phase: 'prepared', name: 'prepared' }),
  run: ({ locked, populated }) => {
    if (locked) return { phase: 'run', name: 'running' };
    return { phase: 'run', name: populated() ? 'orphaned' : 'exited' };
  },
  'exited-garbage': ({ locked }) => ({
    phase: 'exited-garbage',
    name: locked ? 'exited deleting' : 'exited garbage',
  }),
  garbage: ({ locked }) => ({ phase: 'garbage', name: locked ? 'deleting' : 'garbage' }),
};

/** What can be done with a pod that depends on where it stands; the words stand in messages. */
export type PodAction =
  | 'attach to'
  | 'enter'
  | 'export'
  | 'measure'
  | 'read the logs of'
  | 'remove'
  | 'run'
  | 'stop'
  | 'wait for the end of';

interface Demand {
  readonly allowed: readonly PodStateName[];
  /** What the pod should have been, for the message; all that is allowed unless told. */
  readonly usual?: readonly PodStateName[];
}

const DEMANDS: Readonly<Record<PodAction, Demand>> = {
  'attach to': { allowed: ['running'] },
  enter: { allowed: ['running'] },
  // What the apps left behind is theirs no more, and not yet being removed.
  export: { allowed: ['exited', 'exited garbage'], usual: ['exited'] },
  measure: { allowed: ['running', 'orphaned'], usual: ['running'] },
  'read the logs of': {
    allowed: ['running', 'orphaned', 'exited', 'exited garbage', 'exited deleting'],
    usual: ['running', 'exited'],
  },
  remove: {
    allowed: [
      'aborted prepare',
      'prepared',
      'orphaned',
      'exited',
      'exited garbage',
      'garbage',
      // Somebody else removes it already: that is waited for.
      'exited deleting',
      'deleting',
    ],
    usual: ['prepared', 'exited'],
  },
  run: { allowed: ['prepared'] },
  stop: { allowed: ['running', 'orphaned'], usual: ['running'] },
  // One that has ended already is not waited for.
  'wait for the end of': {
    allowed: ['embryo', 'preparing', 'prepared', 'running', 'orphaned'],
    usual: ['prepared', 'running'],
  },
};

/** Whether something may be done with a pod where it stands. */
export const allows = ({ name }: Pick<PodState, 'name'>, action: PodAction): boolean =>
  DEMANDS[action].allowed.includes(name);

/** Refuses what a pod's state does not allow. @throws GantryError POD_STATE */
export function demandState(state: PodState, action: PodAction): void {
  if (!allows(state, action)) throw wrongState(state, action);
}

/** Whether the pod has run and its end is known or will be: stopping it is nothing. */
export const hasEnded = (state: PodState): boolean => ENDED_STATES.includes(state.name);

/** The states of a pod that has run. */
export const ENDED_STATES: readonly PodStateName[] = [
  'exited',
  'exited deleting',
  'exited garbage',
  'deleting',
  'garbage',
];

/** The refusal of what a pod's state does not allow: it names the state and the one that was asked for. */
export function wrongState(state: PodState, action: PodAction): GantryError {
  const { allowed, usual = allowed } = DEMANDS[action];
  const message = `cannot ${action} pod ${state.uuid}: it is ${state.name}, not ${usual.join(' or ')}`;

  return new GantryError('POD_STATE', message, { hint: HINTS[action]?.[state.name] });
}

/** The refusal when another gantry is at work on the pod and stays at it. */
export function podBusy({ uuid, name }: PodState, action: PodAction): GantryError {
  return new GantryError(
    'POD_BUSY',
    `cannot ${action} pod ${uuid}: another gantry has it (${name})`,
    { hint: 'try again when that one has done its work' },
  );
}

type Hints = Partial<Record<PodStateName, string>>;

const STOP_FIRST = 'stop it first with "gantry stop"';
const RUN_FIRST = 'run it first with "gantry run-prepared"';
const RUNS_ONCE = 'a pod is run once; make another with "gantry prepare"';
const WAIT = 'wait until it is prepared';
const NEVER_FINISHED = 'it was never finished; remove it with "gantry rm"';

const HINTS: Partial<Record<PodAction, Hints>> = {
  'attach to': { preparing: WAIT, prepared: RUN_FIRST },
  enter: { preparing: WAIT, prepared: RUN_FIRST },
  export: { running: STOP_FIRST, orphaned: STOP_FIRST, prepared: RUN_FIRST },
  measure: { prepared: RUN_FIRST },
  'read the logs of': { prepared: RUN_FIRST },
  remove: { running: `${STOP_FIRST}, or kill it with "gantry rm --force"`, preparing: WAIT },
  run: {
    preparing: WAIT,
    'aborted prepare': NEVER_FINISHED,
    running: RUNS_ONCE,
    orphaned: RUNS_ONCE,
    exited: RUNS_ONCE,
    'exited garbage': RUNS_ONCE,
  },
  stop: { prepared: 'it does not run; remove it with "gantry rm"' },
  'wait for the end of': { 'aborted prepare': NEVER_FINISHED },
};
