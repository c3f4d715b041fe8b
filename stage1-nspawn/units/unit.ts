import { EXIT_UNIT } from './names.ts';

/** One setting of a unit. A value is text as systemd reads it: what comes from outside goes through `units/quote`. */
export type Setting = readonly [key: string, value: string];

/** A unit file as data; `write-unit` turns it into text. */
export interface Unit {
  /** With its suffix: `app.service`. */
  readonly name: string;
  readonly unit: readonly Setting[];
  readonly service?: readonly Setting[] | undefined;
  readonly socket?: readonly Setting[] | undefined;
  readonly timer?: readonly Setting[] | undefined;
}

/** A program that a unit starts. */
export interface Command {
  /** `!`: with the unit's sandbox, but as root; `-`: its failure is no failure of the unit. */
  readonly prefix?: '' | '!' | '-' | '-!' | undefined;
  /** Absolute, as the started process sees it. */
  readonly path: string;
  /** All of it, `argv[0]` included. */
  readonly argv: readonly [string, ...string[]];
}

/** Without what systemd adds to a unit by itself: our pods have no sysinit, and a shutdown of their own. */
export const BARE: Setting = ['DefaultDependencies', 'no'];

/** Directly below the pod's cgroup: a slice would be one more to make, and to announce. */
export const ROOT_SLICE: Setting = ['Slice', '-.slice'];

/** The ordering of everything that has to be over before the pod exits. */
export const BEFORE_EXIT: readonly Setting[] = [
  ['Conflicts', 'exit.target'],
  ['Before', EXIT_UNIT],
];
