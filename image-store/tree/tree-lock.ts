import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import { ENDING_TOGETHER } from '#base/exec/end-together';
import { demandSuccess } from '#base/exec/node-exec';
import type { Kernel } from '#base/kernel/kernel';
import type { HeldLock } from '#base/lock/directory-lock';
import { tryLockKey } from '#base/lock/key-lock';
import { treeLocksDir } from './tree-paths.ts';

/** Who takes locks. */
export interface Locker {
  /** The store's folder. */
  readonly dir: string;
  readonly kernel: Kernel;
  readonly exec: Exec;
}

/**
 * Waits for the lock of one tree without blocking this process, which may be in
 * the middle of a download: util-linux `flock` waits in its stead, lets go at
 * once, and the lock is tried again.
 */
export async function lockTree({ dir, kernel, exec }: Locker, id: string): Promise<HeldLock> {
  const folder = treeLocksDir(dir);
  for (;;) {
    const lock = tryLockKey(kernel, { folder, key: id });
    if (lock !== undefined) return lock;

    const fd = openLockFile(join(folder, id));
    if (fd === undefined) continue;
    try {
      const waiter = await exec.run({
        argv: [...ENDING_TOGETHER, 'flock', '--exclusive', '3'],
        env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
        extraFds: [fd],
      });
      demandSuccess(waiter, `wait for the lock of tree "${id}"`);
    } finally {
      closeSync(fd);
    }
  }
}

function openLockFile(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
