import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode, GantryError } from '../errors/gantry-error.ts';
import { makeDirs } from '../fs/make-dirs.ts';
import { isOfNoFile, PLAIN } from '../fs/plain-file.ts';
import { type Fd, type Kernel, LOCK } from '../kernel/kernel.ts';
import type { HeldLock, LockMode } from './directory-lock.ts';

const LOCK_FILE_MODE = 0o660;
/** Whoever may remove lock files can undo locks. */
const LOCK_DIR_MODE = 0o755;

/** The name of a lock and how it is wanted; exclusive unless told. */
export interface KeyLock {
  /** The folder of lock files, made when missing. */
  readonly folder: string;
  readonly key: string;
  readonly mode?: LockMode | undefined;
}

/**
 * Waits for the lock named `key` in a folder of lock files. The file is removed
 * when an exclusive holder lets go, so after the wait the name may lead to
 * another file:
 *
 *     A holds the lock        B opens the file, waits
 *     A unlinks, unlocks      B gets the lock of a file without a name
 *     C makes a new file      and locks that: B and C would both hold "key"
 *
 * hence the look at device and inode after every wait.
 * @throws GantryError LOCK_NOT_A_FILE when something else lies in the place of the file
 */
export function lockKey(kernel: Kernel, { folder, key, mode = 'exclusive' }: KeyLock): HeldLock {
  for (;;) {
    const lock = attempt(kernel, { folder, key, mode, wait: true });
    if (lock !== undefined) return lock;
  }
}

/**
 * As `lockKey`, without waiting.
 * @returns undefined when somebody holds it
 * @throws GantryError LOCK_NOT_A_FILE
 */
export function tryLockKey(
  kernel: Kernel,
  { folder, key, mode = 'exclusive' }: KeyLock,
): HeldLock | undefined {
  return attempt(kernel, { folder, key, mode, wait: false });
}

interface Attempt {
  readonly folder: string;
  readonly key: string;
  readonly mode: LockMode;
  readonly wait: boolean;
}

function attempt(kernel: Kernel, { folder, key, mode, wait }: Attempt): HeldLock | undefined {
  makeDirs(folder, LOCK_DIR_MODE);
  const path = join(folder, key);
  const fd = openLockFile(path);
  const operation = (mode === 'shared' ? LOCK.SH : LOCK.EX) | (wait ? 0 : LOCK.NB);
  if (kernel.flock(fd, operation) && isStillNamed(fd, path)) return held(kernel, fd, path);

  closeSync(fd);
  return undefined;
}

/** Opened for reading, which is all that flock needs; the group may lock it too, whatever the umask of who made it. */
function openLockFile(path: string): Fd {
  const fd = openPlain(path);
  const stats = fstatSync(fd);
  if (!stats.isFile()) {
    closeSync(fd);
    throw notAFile(path);
  }
  const { mode, uid } = stats;
  if ((mode & 0o777) !== LOCK_FILE_MODE && uid === process.geteuid?.()) {
    fchmodSync(fd, LOCK_FILE_MODE);
  }

  return fd;
}

/** A pipe in its place must not hold up who would lock it, and a link not lead elsewhere. */
const LOCK_FILE = PLAIN | constants.O_CREAT;

function openPlain(path: string): Fd {
  try {
    return openSync(path, LOCK_FILE, LOCK_FILE_MODE);
  } catch (error) {
    throw isOfNoFile(error) ? notAFile(path) : error;
  }
}

function notAFile(path: string): GantryError {
  return new GantryError('LOCK_NOT_A_FILE', `cannot lock "${path}": it is not a regular file`, {
    hint: 'remove it; a lock is made anew',
  });
}

function isStillNamed(fd: Fd, path: string): boolean {
  const open = fstatSync(fd);
  try {
    const named = lstatSync(path);
    return named.ino === open.ino && named.dev === open.dev;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function held(kernel: Kernel, fd: Fd, path: string): HeldLock {
  let open = true;
  const release = (): void => {
    if (!open) return;
    open = false;
    // Only the last holder may take the name away: turning a shared lock into
    // an exclusive one without waiting says whether there is another.
    if (kernel.flock(fd, LOCK.EX | LOCK.NB) && isStillNamed(fd, path)) unlinkSync(path);
    closeSync(fd);
  };

  return { fd, path, release, [Symbol.dispose]: release };
}
