import { closeSync, openSync } from 'node:fs';
import { errorCode, errorMessage, GantryError } from '#base/errors/gantry-error';
import { CLONE } from '#base/kernel/kernel';
import {
  appEnvironment,
  type Entrypoint,
  type EntrypointHost,
  executableExitCode,
  findExecutable,
  handOver,
  parseEnterArguments,
} from '#stage1';
import { loadPod } from '../run/pod.ts';

/** Becomes a command in the app of a running pod: as root, in `/`, with the app's environment and the caller's TERM. */
export const entrypoint: Entrypoint = async (host) => {
  const [, ...argv] = host.argv;
  const { pid, command } = parseEnterArguments(argv);
  const pod = loadPod(host.podDir);
  const term = host.env['TERM'];
  const env: Readonly<Record<string, string>> = {
    ...appEnvironment({
      appName: pod.app.name,
      environment: pod.description.environment ?? [],
    }),
    ...(term === undefined ? {} : { TERM: term }),
  };

  try {
    const root = `/proc/${pid}/root`;
    const query = { program: command[0], workingDir: '/', path: env['PATH'] };
    const path = findExecutable(root, query);
    joinRoot(host, pid);
    return handOver(host.kernel, host.caller, { path, argv: command, env, keep: [] });
  } catch (error) {
    const exitCode = executableExitCode(error);
    if (exitCode === undefined) throw error;
    host.log.error(errorMessage(error));
    return await Promise.resolve(exitCode);
  }
};

/** Goes where a process is: its mount namespace and its root. */
function joinRoot({ kernel }: EntrypointHost, pid: number): void {
  const [root, mounts] = [openOf(pid, 'root'), openOf(pid, 'ns/mnt')];
  kernel.unshare(CLONE.NEWNS);
  kernel.setNamespace(mounts, CLONE.NEWNS);
  process.chdir(`/proc/self/fd/${root}`);
  kernel.chroot('.');
  process.chdir('/');
  closeSync(root);
  closeSync(mounts);
}

function openOf(pid: number, name: string): number {
  try {
    return openSync(`/proc/${pid}/${name}`, 'r');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    throw new GantryError('POD_NOT_RUNNING', `cannot enter the pod: process ${pid} has ended`, {
      cause: error,
    });
  }
}
