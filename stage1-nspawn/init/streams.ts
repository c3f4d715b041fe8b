import { fstatSync } from 'node:fs';
import type { Fd } from '#base/kernel/kernel';
import type { AppStreams } from '../units/streams.ts';

/** Where the apps' standard streams lead: into the journal, or, when interactive, to the caller. */
export function planStreams(
  interactive: boolean,
  isTerminal: (fd: Fd) => boolean = isatty,
): AppStreams {
  if (!interactive) return 'log';

  return isTerminal(0) && isTerminal(1) ? 'terminal' : 'direct';
}

/** Loaded only when it is asked for, which takes some milliseconds, and without import(), which stage 0's loader need not know. */
function isatty(fd: Fd): boolean {
  return process.getBuiltinModule('node:tty').isatty(fd);
}

/** Which of the standard streams are sockets: those cannot be opened again by their path. */
export function socketStreams(
  isSocket: (fd: Fd) => boolean = (fd) => fstatSync(fd).isSocket(),
): readonly (0 | 1 | 2)[] {
  return ([0, 1, 2] as const).filter(isSocket);
}
