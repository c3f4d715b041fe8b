import { constants } from 'node:os';
import { GantryError } from '../errors/gantry-error.ts';
import type { ExecResult } from './exec.ts';

/** How `main` ends after a program that a signal ended: 128 and the signal's number, as a shell does. */
export function exitStatusOf(result: Pick<ExecResult, 'exitCode' | 'signal'>): number {
  if (result.exitCode !== undefined) return result.exitCode;

  return 128 + (result.signal === undefined ? 0 : constants.signals[result.signal]);
}

/**
 * Demands success of a finished program.
 * @throws GantryError EXEC_FAILED with the program's own last words
 */
export function demandSuccess(result: ExecResult, action: string): ExecResult {
  if (result.exitCode === 0) return result;

  const words = result.stderr.trim().split('\n').slice(-3).join('; ');
  throw new GantryError(
    'EXEC_FAILED',
    `cannot ${action}: ${describeEnd(result)}${words === '' ? '' : `: ${words}`}`,
  );
}

/** How a program ended, in words. */
export function describeEnd(result: ExecResult): string {
  const program = `"${result.argv[0]}"`;
  if (result.timedOut)
    return `${program} ran out of time after ${Math.round(result.durationMs)} ms`;
  if (result.overflowed) return `${program} printed more than it may`;
  if (result.signal !== undefined) return `${program} was ended by ${result.signal}`;

  return `${program} exited with ${result.exitCode}`;
}
