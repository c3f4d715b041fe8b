import { statSync } from 'node:fs';
import type { Exec } from '../exec/exec.ts';
import { flockDirectory } from './flock-path.ts';

/** Which lock is waited for. */
export interface LockWait {
  readonly path: string;
  /** Infinite for ever. */
  readonly timeoutMs: number;
  /** For its PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits until nobody holds a path exclusively, or it is not there any more;
 * takes no lock itself. flock(1) waits, so that this process stays free to be
 * interrupted; it does not wait on when this one is gone.
 */
export async function waitForLock(
  exec: Exec,
  { path, timeoutMs, env, signal }: LockWait,
): Promise<void> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  const place = stats.isDirectory() ? flockDirectory(path) : path;
  const limit = Number.isFinite(timeoutMs) ? [`--timeout=${timeoutMs / 1000}`] : [];
  await exec.run({
    argv: ['setpriv', '--pdeathsig=TERM', 'flock', '--shared', ...limit, place, 'true'],
    env: { PATH: env['PATH'] ?? '/usr/bin:/bin' },
    signal,
  });
}
