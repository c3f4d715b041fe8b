import { fstatSync } from 'node:fs';
import type { Fd } from '#base/kernel/kernel';
import type { AppStreams } from '../units/streams.ts';

/** Where the apps' standard streams lead: into the journal, or, when interactive, to the caller. */
export async function planStreams(
  interactive: boolean,
  isTerminal?: (fd: Fd) => boolean,
): Promise<AppStreams> {
  if (!interactive) return 'log';

  const look = isTerminal ?? (await import('node:tty')).isatty;
  return look(0) && look(1) ? 'terminal' : 'direct';
}

/** Which of the standard streams are sockets: those cannot be opened again by their path. */
export function socketStreams(
  isSocket: (fd: Fd) => boolean = (fd) => fstatSync(fd).isSocket(),
): readonly (0 | 1 | 2)[] {
  return ([0, 1, 2] as const).filter(isSocket);
}
