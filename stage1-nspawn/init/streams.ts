import { fstatSync, readFileSync } from 'node:fs';
import type { Fd } from '#base/kernel/kernel';
import type { StreamName } from '../units/names.ts';
import { type AppStreams, STDIO_DIR } from '../units/streams.ts';

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
  readonly kind: 'socket' | 'file' | 'null' | 'other';
  /** Of what it leads to, to tell whether two lead to the same. */
  readonly inode: number;
  /** How far it has been read or written, when it is a file. */
  readonly position: number;
}

/** Number of /dev/null, 1:3, linux/Documentation/admin-guide/devices.txt. */
const NULL_DEVICE = 0x103;

/** Looks at the standard streams. */
export function lookAtStreams(): readonly StandardStream[] {
  return ([0, 1, 2] as const).map((fd) => {
    const stats = fstatSync(fd);
    const { ino: inode } = stats;
    if (stats.isFile()) return { fd, kind: 'file', inode, position: positionOf(fd) };

    const isNull = stats.isCharacterDevice() && stats.rdev === NULL_DEVICE;
    const kind = stats.isSocket() ? 'socket' : isNull ? 'null' : 'other';
    return { fd, kind, inode, position: 0 };
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

/**
 * Of the streams that only look on, what needs a pipe: standard error where it
 * is a socket, unless it is the same as standard output (a unit's journal, say),
 * to which nspawn's console leads without further processes.
 */
export function logStreamsToRelay(streams: readonly StandardStream[]): readonly (0 | 1 | 2)[] {
  const output = streams.find(({ fd }) => fd === 1);

  return streams
    .filter(({ fd, kind, inode }) => fd === 2 && kind === 'socket' && inode !== output?.inode)
    .map(({ fd }) => fd);
}

/** The files that the app writes at their end, and the caller must not overwrite afterwards. */
export function streamsToAppend(streams: readonly StandardStream[]): readonly (1 | 2)[] {
  return streams.flatMap(({ fd, kind }) => (fd !== 0 && kind === 'file' ? [fd] : []));
}

/** What cannot be opened by a path is reached over nspawn's console, which leads to standard output. */
const CONSOLE = '/dev/console';

/** Where the caller sees what apps say, by stream, inside stage1; nothing for one that is thrown away. */
export function callerPlaces(
  streams: readonly StandardStream[],
): readonly (readonly [StreamName, string])[] {
  return streams.flatMap(({ fd, kind }) => {
    if (fd === 0 || kind === 'null') return [];
    const name = fd === 1 ? 'stdout' : 'stderr';
    return [[name, kind === 'socket' ? CONSOLE : `${STDIO_DIR}/${fd}`] as const];
  });
}
