import { constants } from 'node:os';
import { flockDirectory } from '#base/lock/flock-path';
import type { EntrypointHost } from '#stage1';

/** What a shell says of a process whose pod was ended under it. */
export const KILLED: number = 128 + constants.signals.SIGKILL;

/** Resolves when a pod has ended, or the wait has. */
export async function whenPodEnds(
  { exec, podDir, env }: Pick<EntrypointHost, 'exec' | 'podDir' | 'env'>,
  signal: AbortSignal,
): Promise<void> {
  // Shared: who releases the pod locks it for itself, and waits for nobody.
  await exec.run({
    argv: ['setpriv', '--pdeathsig=TERM', 'flock', '--shared', flockDirectory(podDir), 'true'],
    env: { PATH: env['PATH'] ?? '/usr/bin:/bin' },
    signal,
  });
}
