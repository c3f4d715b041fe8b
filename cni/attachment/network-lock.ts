import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { join } from 'node:path';
import type { HeldLock, LockMode } from '#base/lock/directory-lock';
import { tryLockKey } from '#base/lock/key-lock';
import type { NetworkName } from '../config/names.ts';
import { demandSuccess } from '#base/exec/exec-result';
import type { CniContext } from './context.ts';

/** The lock of a network, and how it is wanted. */
export interface NetworkLock {
  readonly network: NetworkName;
  readonly mode: LockMode;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs work on a network: `shared` for ADD, DEL and CHECK, `exclusive` for GC,
 * which may run beside none of them (spec 1.1, section 3). A lock held by
 * somebody else is waited for in a process of its own, so that this one goes on
 * with what it does otherwise, which may be what holds the lock.
 * @throws GantryError CNI_GIVEN_UP
 */
export async function withNetworkLock<Result>(
  context: CniContext,
  wanted: NetworkLock,
  work: () => Promise<Result>,
): Promise<Result> {
  using _lock = await lockNetwork(context, wanted);

  return await work();
}

async function lockNetwork(
  context: CniContext,
  { network, mode, signal }: NetworkLock,
): Promise<HeldLock> {
  const { kernel, locksDir, runner } = context;
  for (;;) {
    const lock = tryLockKey(kernel, { folder: locksDir, key: network, mode });
    if (lock !== undefined) return lock;

    const result = await runner.exec.run({
      argv: ['flock', `--${mode}`, join(locksDir, network), 'true'],
      env: runner.env,
      signal,
    });
    if (signal?.aborted === true) throw givenUp(network);
    demandSuccess(result, `wait for the lock of the network "${network}"`);
  }
}

function givenUp(network: NetworkName): GantryError {
  return new GantryError(
    'CNI_GIVEN_UP',
    `cannot wait for the network ${quoted(network)} any longer: the whole was given up`,
  );
}
