import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { insideMounts } from '#base/kernel/inside-mounts';
import type { Fd } from '#base/kernel/kernel';
import { flockDirectory } from '#base/lock/flock-path';
import { type EntrypointHost, stage1RootfsDir } from '#stage1';

/** The command of gantry that gives back what a pod held outside its namespaces. */
const RELEASE_COMMAND = 'pod-release';
/** Where the host's util-linux is, wherever the caller looks for programs. */
const SYSTEM_PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Where the waiter has the mark of the pod's /etc. */
const MARK_FD = 9;
/** flock's lock is on the first free descriptor; who releases the pod must be able to lock it for itself. */
const WITHOUT_LOCK = `exec 3<&- ${MARK_FD}<&-; exec "$@"`;

/**
 * Starts what outlives the pod: a process that sleeps until the pod's lock is
 * free, then becomes `gantry pod-release UUID`. It must be started while the
 * lock is still close-on-exec, or it would hold the very lock it waits for, and
 * before this process enters the pod's cgroups; it belongs to no session and no
 * parent of the pod, has no descriptor of it, and lives in the mount namespace
 * of the caller, so that it pins nothing of the pod's.
 * @returns waits until nothing is left to be waited for, before this process becomes another
 * @throws GantryError EXEC_NOT_STARTED when there is no util-linux; EXEC_FAILED, from what is returned, when it fails
 */
export function startWaiter(host: EntrypointHost, uuid: string): () => void {
  const { kernel, callerMounts } = host;
  kernel.closeOnExecFrom(3);
  const folders = [...SYSTEM_PATH, ...(host.env['PATH']?.split(':') ?? [])];
  const mark = markEtc(host);
  const pid = insideMounts(kernel, callerMounts, () =>
    kernel.spawn({
      path: findProgram('setsid', folders),
      argv: ['setsid', '--fork', ...waiterCommand(host, uuid)],
      env: { PATH: folders.join(':') },
      given: mark === undefined ? [] : [{ fd: mark, as: MARK_FD }],
    }),
  );

  return () => {
    const status = kernel.reap(pid);
    if (status === 0) return;
    throw new GantryError(
      'EXEC_FAILED',
      `cannot start the process that waits for the end of the pod: "setsid" exited with ${status}`,
    );
  };
}

/**
 * PID 1 watches /etc to its end, and the pod is not over before that watch is
 * gone. While the waiter marks the folder, too, nobody waits for that.
 * @returns undefined where the kernel has no fanotify, or no more for this user
 */
function markEtc({ kernel, podDir }: EntrypointHost): Fd | undefined {
  try {
    return kernel.markDirectory(join(stage1RootfsDir(podDir), 'etc'));
  } catch (error) {
    if (isGantryError(error, 'KERNEL_CALL_FAILED')) return undefined;
    throw error;
  }
}

function findProgram(name: string, folders: readonly string[]): string {
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found !== undefined) return found;

  throw new GantryError('EXEC_NOT_STARTED', `cannot start "${name}": no such program`);
}

function waiterCommand({ podDir, gantry }: EntrypointHost, uuid: string): readonly string[] {
  const release = [...gantry, RELEASE_COMMAND, uuid];

  const place = flockDirectory(podDir);

  return ['flock', '--shared', '--no-fork', place, 'sh', '-c', WITHOUT_LOCK, 'sh', ...release];
}
