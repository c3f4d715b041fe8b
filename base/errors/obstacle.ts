import { isRoot } from '../kernel/is-root.ts';
import { errorCode, errorMessage, isGantryError } from './gantry-error.ts';

/** What stood in the way of a system call: the machine, not a bug of ours. */
export interface Obstacle {
  /** The end of a message: `cannot do this: STATE`. */
  readonly state: string;
  /** What the user can do about it. */
  readonly hint?: string | undefined;
}

const ROOM = 'make room on it, with "gantry gc" and "gantry image gc" for example';

/** By errno(3). */
const OBSTACLES: Readonly<Record<string, Obstacle>> = {
  EACCES: {
    state: 'permission denied',
    hint: 'run it as root; members of the group "gantry" may list and fetch, what is older than the group when root has run "gantry image gc"',
  },
  EDQUOT: { state: 'the disk quota is used up', hint: ROOM },
  EFBIG: {
    state: 'the file would become larger than is allowed',
    hint: 'raise the limit on the size of files, see "ulimit -f"',
  },
  EIO: { state: 'the device fails', hint: 'the kernel log tells more, see "dmesg"' },
  ELOOP: { state: 'too many symbolic links', hint: 'look where they lead, see "namei"' },
  EMFILE: { state: 'too many open files', hint: 'raise the limit, see "ulimit -n"' },
  ENAMETOOLONG: { state: 'the name is too long' },
  ENFILE: { state: 'too many open files on this machine' },
  ENOMEM: { state: 'not enough memory' },
  ENOSPC: { state: 'no space left on the file system', hint: ROOM },
  ENOTDIR: { state: 'a part of the path is not a directory' },
  EPERM: { state: 'the system does not permit it', hint: 'run it as root' },
  EROFS: { state: 'the file system is read-only', hint: 'remount it writable' },
};

/** Their hints are of no use to root. */
const FOR_OTHERS_THAN_ROOT: ReadonlySet<string> = new Set(['EACCES', 'EPERM']);

/** What else a path may be, for whoever names one. */
const STATES_OF_FILES: Readonly<Record<string, string>> = {
  EISDIR: 'it is a directory',
  ENODEV: 'it is a device without a driver',
  ENOENT: 'no such file or directory',
  ENXIO: 'it is a socket, or a device without a driver',
};

/**
 * In words, what a system call has against a file that somebody named: the end
 * of a message that names it.
 */
export function fileState(error: unknown): string {
  const code = errorCode(error) ?? '';
  if (Object.hasOwn(STATES_OF_FILES, code)) return STATES_OF_FILES[code] ?? code;

  return obstacleOf(error)?.state ?? errorMessage(error);
}

/**
 * What the machine has against it.
 * @param error of a system call
 * @returns undefined for any other error: one of ours, or a bug
 */
export function obstacleOf(error: unknown): Obstacle | undefined {
  if (isGantryError(error)) return undefined;
  const code = errorCode(error);

  const obstacle =
    code !== undefined && Object.hasOwn(OBSTACLES, code) ? OBSTACLES[code] : undefined;
  if (obstacle === undefined || !FOR_OTHERS_THAN_ROOT.has(code ?? '') || !isRoot()) return obstacle;

  return { state: obstacle.state };
}
