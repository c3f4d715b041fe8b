import { flockDirectory } from '#base/lock/flock-path';
import type { EntrypointHost } from '#stage1';

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
