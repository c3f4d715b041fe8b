import { fstatSync, readFileSync } from 'node:fs';
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

/** A standard stream of the process that becomes the pod. */
export interface StandardStream {
  readonly fd: 0 | 1 | 2;
  readonly kind: 'socket' | 'file' | 'other';
  /** How far it has been read or written, when it is a file. */
  readonly position: number;
}

/** Looks at the standard streams. */
export function lookAtStreams(): readonly StandardStream[] {
  return ([0, 1, 2] as const).map((fd) => {
    const stats = fstatSync(fd);
    if (stats.isFile()) return { fd, kind: 'file', position: positionOf(fd) };

    return { fd, kind: stats.isSocket() ? 'socket' : 'other', position: 0 };
  });
}

function positionOf(fd: Fd): number {
  return Number(/^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 0);
}

/**
 * The streams that PID 1 would not find as they are when it opens them again by
 * their path: sockets, which it cannot, and a file of which somebody has read
 * the beginning.
 */
export function streamsToRelay(streams: readonly StandardStream[]): readonly (0 | 1 | 2)[] {
  return streams
    .filter(({ fd, kind, position }) => kind === 'socket' || (fd === 0 && position > 0))
    .map(({ fd }) => fd);
}

/** The files that the app writes at their end, and the caller must not overwrite afterwards. */
export function streamsToAppend(streams: readonly StandardStream[]): readonly (1 | 2)[] {
  return streams.flatMap(({ fd, kind }) => (fd !== 0 && kind === 'file' ? [fd] : []));
}
