import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { AppStreams } from '../units/streams.ts';

/** What a look at a descriptor tells. */
export interface StreamSighting {
  readonly terminal: boolean;
  /** A socket cannot be opened again by its path. */
  readonly socket: boolean;
}

/** Where the apps' standard streams lead: into the journal, or, when interactive, to the caller. */
export function planStreams(
  interactive: boolean,
  look: (fd: 0 | 1 | 2) => StreamSighting = lookAt,
): AppStreams {
  if (!interactive) return { kind: 'log' };

  const [stdin, stdout, stderr] = [look(0), look(1), look(2)];
  if (stdin.terminal && stdout.terminal) return { kind: 'terminal' };

  return {
    kind: 'direct',
    stdin: !stdin.socket,
    stdout: !stdout.socket,
    stderr: !stderr.socket,
  };
}

function lookAt(fd: 0 | 1 | 2): StreamSighting {
  return { terminal: isatty(fd), socket: fstatSync(fd).isSocket() };
}
