import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { removePath } from '#base/fs/remove-path';
import { uniqueName } from '#base/fs/unique-name';
import { type Fd, type Kernel, LOCK } from '#base/kernel/kernel';
import { type HeldLock, tryLockPath } from '#base/lock/directory-lock';
import { tempDir } from '../format/layout.ts';
import { STORE_DIR_MODE } from '../format/permissions.ts';

/** A folder of one's own in the store's tmp/, out of every reader's sight. */
export interface TempEntry extends Disposable {
  readonly path: string;
  /** Removes the folder with all that is left in it and drops the lock; a second time is nothing. */
  remove(): void;
}

/**
 * Makes a folder for unfinished work. Its lock says that somebody is at work;
 * an entry whose lock is free was left behind by a process that died.
 *
 *     A makes the folder
 *     B sweeps, finds it unlocked, locks and removes it
 *     A locks what has no name any more
 *
 * hence the look at device and inode after the lock, and another try.
 * @param purpose the beginning of the folder's name: `ingest`, `tree`, …
 */
export function makeTempEntry(kernel: Kernel, dir: string, purpose: string): TempEntry {
  for (;;) {
    const path = join(tempDir(dir), `${purpose}-${uniqueName()}`);
    mkdirSync(path, { mode: 0o770 });
    const fd = lockEntry(kernel, path);
    if (fd === undefined) continue;
    chmodSync(path, STORE_DIR_MODE);
    return tempEntry(path, fd);
  }
}

function lockEntry(kernel: Kernel, path: string): Fd | undefined {
  let fd: Fd;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  kernel.flock(fd, LOCK.EX);
  if (isNamed(fd, path)) return fd;

  closeSync(fd);
  return undefined;
}

function isNamed(fd: Fd, path: string): boolean {
  try {
    const named = statSync(path);
    const open = fstatSync(fd);
    return named.ino === open.ino && named.dev === open.dev;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function tempEntry(path: string, fd: Fd): TempEntry {
  let open = true;
  const remove = (): void => {
    if (!open) return;
    open = false;
    try {
      removePath(path, { recursive: true, force: true });
    } finally {
      closeSync(fd);
    }
  };

  return { path, remove, [Symbol.dispose]: remove };
}

/** What to do with a leftover before it is removed; it is locked meanwhile. */
export type Salvage = (path: string) => void;

/**
 * Removes what killed processes left in tmp/; what a living one works on is
 * left alone. What cannot be removed (not ours, a read-only file system) stays
 * for somebody who can.
 * @returns how many entries were removed
 */
export function sweepTemp(kernel: Kernel, dir: string, salvage: Salvage = () => {}): number {
  let removed = 0;
  for (const name of entryNames(dir)) {
    const path = join(tempDir(dir), name);
    using lock = lockLeftover(kernel, path);
    if (lock === undefined) continue;
    try {
      salvage(path);
      removePath(path, { recursive: true, force: true });
      removed += 1;
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }

  return removed;
}

function entryNames(dir: string): readonly string[] {
  try {
    return readdirSync(tempDir(dir));
  } catch {
    return [];
  }
}

function lockLeftover(kernel: Kernel, path: string): HeldLock | undefined {
  try {
    return tryLockPath(kernel, path, 'exclusive');
  } catch {
    // Gone in the meantime, or not ours to open.
    return undefined;
  }
}
