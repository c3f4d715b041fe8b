import { join } from 'node:path';
import type { HeldLock, LockMode } from '#base/lock/directory-lock';
import { tryLockKey } from '#base/lock/key-lock';
import type { NetworkName } from '../config/names.ts';
import { demandSuccess } from '#base/exec/exec-result';
import type { CniContext } from './context.ts';

/**
 * Runs work on a network: `shared` for ADD, DEL and CHECK, `exclusive` for GC,
 * which may run beside none of them (spec 1.1, section 3). A lock held by
 * somebody else is waited for in a process of its own, so that this one goes on
 * with what it does otherwise, which may be what holds the lock.
 */
export async function withNetworkLock<Result>(
  context: CniContext,
  { network, mode }: { readonly network: NetworkName; readonly mode: LockMode },
  work: () => Promise<Result>,
): Promise<Result> {
  using _lock = await lockNetwork(context, network, mode);

  return await work();
}

async function lockNetwork(
  context: CniContext,
  network: NetworkName,
  mode: LockMode,
): Promise<HeldLock> {
  const { kernel, locksDir, runner } = context;
  for (;;) {
    const lock = tryLockKey(kernel, { folder: locksDir, key: network, mode });
    if (lock !== undefined) return lock;

    const result = await runner.exec.run({
      argv: ['flock', `--${mode}`, join(locksDir, network), 'true'],
      env: runner.env,
    });
    demandSuccess(result, `wait for the lock of the network "${network}"`);
  }
}
