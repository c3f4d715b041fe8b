import { describe, expect, it } from 'vitest';
import { parsePodUuid } from '#schema/types/pod-uuid';
import { POD_PHASES, type PodPhase } from './pod-dirs.ts';
import {
  allows,
  hasEnded,
  type PodAction,
  type PodState,
  podState,
  wrongState,
} from './pod-state.ts';

const uuid = parsePodUuid('8f3ab0ad-3a3b-4d64-9b0c-9a29cbd8a4cd');

function stateOf(phase: PodPhase, locked: boolean, populated = false): PodState {
  const place = { uuid, dir: '/p', isDirectory: true };
  return podState({ ...place, phase, locked, populated: () => populated });
}

describe('podState()', () => {
  it('follows from folder, lock and cgroup', () => {
    const names = POD_PHASES.map((phase) => [
      stateOf(phase, true).name,
      stateOf(phase, false).name,
    ]);

    expect(names).toEqual([
      ['embryo', 'embryo'],
      ['preparing', 'aborted prepare'],
      ['prepared', 'prepared'],
      ['running', 'exited'],
      ['exited deleting', 'exited garbage'],
      ['deleting', 'garbage'],
    ]);
    expect(stateOf('run', false, true).name).toBe('orphaned');
  });

  it('does not look at the cgroup of a pod that is locked', () => {
    const populated = (): boolean => {
      throw new Error('looked');
    };

    const place = { uuid, dir: '/p', isDirectory: true };
    expect(podState({ ...place, phase: 'run', locked: true, populated }).name).toBe('running');
  });
});

describe('what a state allows', () => {
  const all = POD_PHASES.flatMap((phase) => [true, false].map((locked) => stateOf(phase, locked)));
  const allowing = (question: (state: PodState) => boolean): readonly string[] => [
    ...new Set([...all, stateOf('run', false, true)].filter(question).map(({ name }) => name)),
  ];

  const allowed = (action: PodAction): readonly string[] =>
    allowing((state) => allows(state, action));

  it('is one answer for each question', () => {
    expect(allowed('run')).toEqual(['prepared']);
    expect(allowed('enter')).toEqual(['running']);
    expect(allowed('stop')).toEqual(['running', 'orphaned']);
    expect(allowed('export')).toEqual(['exited', 'exited garbage']);
    expect(allowed('remove')).toEqual([
      'aborted prepare',
      'prepared',
      'exited',
      'exited deleting',
      'exited garbage',
      'deleting',
      'garbage',
      'orphaned',
    ]);
    expect(allowing(hasEnded)).toEqual([
      'exited',
      'exited deleting',
      'exited garbage',
      'deleting',
      'garbage',
    ]);
  });
});

describe('wrongState()', () => {
  it('names the action, both states, and what to do', () => {
    const error = wrongState(stateOf('run', true), 'remove');
    expect(error.message).toBe(`cannot remove pod ${uuid}: it is running, not prepared or exited`);
    expect(error.hint).toBe(
      'stop it first with "gantry stop", or kill it with "gantry rm --force"',
    );

    const again = wrongState(stateOf('run', true), 'run');
    expect(again.message).toBe(`cannot run pod ${uuid}: it is running, not prepared`);
    expect(again.hint).toContain('a pod is run once');
  });
});
