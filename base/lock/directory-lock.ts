import { closeSync, constants, openSync } from 'node:fs';
import { errorCode, GantryError } from '../errors/gantry-error.ts';
import { type Fd, type Kernel, LOCK } from '../kernel/kernel.ts';

/** A held lock; disposing of it drops it. */
export interface HeldLock extends Disposable {
  readonly fd: Fd;
  readonly path: string;
  /** Drops the lock early; a second time is nothing. */
  release(): void;
}

export type LockMode = 'shared' | 'exclusive';

/**
 * Waits for a lock on an existing directory or file. The lock lives as long as
 * any descriptor of this open file, in this process or one that inherited it.
 * @throws GantryError LOCK_NO_SUCH_PATH when the path is not there
 */
export function lockPath(kernel: Kernel, path: string, mode: LockMode): HeldLock {
  const fd = openForLock(path);
  kernel.flock(fd, mode === 'shared' ? LOCK.SH : LOCK.EX);

  return held(fd, path);
}

/**
 * Takes a lock if nobody is in the way.
 * @returns undefined when somebody is
 * @throws GantryError LOCK_NO_SUCH_PATH when the path is not there
 */
export function tryLockPath(kernel: Kernel, path: string, mode: LockMode): HeldLock | undefined {
  const fd = openForLock(path);
  if (kernel.flock(fd, (mode === 'shared' ? LOCK.SH : LOCK.EX) | LOCK.NB)) return held(fd, path);

  closeSync(fd);
  return undefined;
}

function openForLock(path: string): Fd {
  try {
    // What is no file or directory at all, a pipe say, must not hold up who would lock it.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      throw new GantryError(
        'LOCK_NO_SUCH_PATH',
        `cannot lock "${path}": no such file or directory`,
        { cause: error },
      );
    }
    throw error;
  }
}

function held(fd: Fd, path: string): HeldLock {
  let open = true;
  const release = (): void => {
    if (!open) return;
    open = false;
    closeSync(fd);
  };

  return { fd, path, release, [Symbol.dispose]: release };
}
