import { demandSuccess } from '#base/exec/exec-result';
import type { EntrypointHost } from '#stage1';
import { insideMounts } from './inside-mounts.ts';

/** The command of gantry that gives back what a pod held outside its namespaces. */
const RELEASE_COMMAND = 'pod-release';
/** Where the host's util-linux is, wherever the caller looks for programs. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** flock's lock is on the first free descriptor; who releases the pod must be able to lock it for itself. */
const WITHOUT_LOCK = 'exec 3<&-; exec "$@"';

/**
 * Starts what outlives the pod: a process that sleeps until the pod's lock is
 * free, then becomes `gantry pod-release UUID`. It must be started while the
 * lock is still close-on-exec, or it would hold the very lock it waits for, and
 * before this process enters the pod's cgroups; it belongs to no session and no
 * parent of the pod, has no descriptor of it, and lives in the mount namespace
 * of the caller, so that it pins nothing of the pod's. All of that is settled
 * when this returns; the promise says when nothing is left to be waited for.
 * @throws GantryError EXEC_NOT_STARTED, EXEC_FAILED when there is no util-linux
 */
export async function startWaiter(host: EntrypointHost, uuid: string): Promise<void> {
  const { kernel, callerMounts } = host;
  kernel.closeOnExecFrom(3);
  const started = insideMounts(kernel, callerMounts, () =>
    host.exec.run({
      argv: ['setsid', '--fork', ...waiterCommand(host, uuid)],
      env: { PATH: [SYSTEM_PATH, host.env['PATH'] ?? []].flat().join(':') },
      cwd: '/',
      stdout: 'ignore',
      stderr: 'ignore',
      timeoutMs: 10_000,
    }),
  );

  demandSuccess(await started, 'start the process that waits for the end of the pod');
}

function waiterCommand({ podDir, gantry }: EntrypointHost, uuid: string): readonly string[] {
  const release = [...gantry, RELEASE_COMMAND, uuid];

  return ['flock', '--shared', '--no-fork', podDir, 'sh', '-c', WITHOUT_LOCK, 'sh', ...release];
}
