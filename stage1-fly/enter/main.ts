import { closeSync, openSync } from 'node:fs';
import { errorCode, errorMessage, GantryError } from '#base/errors/gantry-error';
import { CLONE } from '#base/kernel/kernel';
import {
  appEnvironment,
  demandWorkingDirectory,
  type EnterArguments,
  type Entrypoint,
  type EntrypointHost,
  enterWorkingDirectory,
  executableExitCode,
  findExecutable,
  parseEnterArguments,
  resolveIdentity,
} from '#stage1';
import { becomeProgram } from '../run/become-program.ts';
import { loadPod } from '../run/pod.ts';

/** Becomes a command in the app of a running pod: as the app's user, in its working directory, with its environment and the caller's TERM. */
export const entrypoint: Entrypoint = async (host) => {
  const [, ...argv] = host.argv;
  const request = parseEnterArguments(argv);
  try {
    return await Promise.resolve(becomeCommand(host, request));
  } catch (error) {
    const exitCode = executableExitCode(error);
    if (exitCode === undefined) throw error;
    host.log.error(errorMessage(error));
    return exitCode;
  }
};

function becomeCommand(host: EntrypointHost, request: EnterArguments): never {
  const { kernel } = host;
  const { pid, command, user, group } = request;
  const { app, description, fromDocker, ownGroups } = loadPod(host.podDir);
  const root = `/proc/${pid}/root`;
  const workingDir = request.workingDir ?? description.workingDirectory ?? '/';
  const identity = resolveIdentity(root, {
    user: user ?? description.user,
    group: group ?? (user === undefined && !ownGroups ? description.group : undefined),
    supplementaryGids: user === undefined ? (description.supplementaryGIDs ?? []) : [],
    withMemberships: user === undefined && group === undefined && ownGroups,
    fromDocker,
  });
  const given = (request.environment ?? []).map((each) => readVariable(each));
  const environment = [...(description.environment ?? []), ...given];
  const term = host.env['TERM'];
  const env: Readonly<Record<string, string>> = {
    ...appEnvironment({ appName: app.name, environment, account: identity.account }),
    ...(term === undefined ? {} : { TERM: term }),
  };
  demandWorkingDirectory(root, { app: app.name, workingDir });
  const path = findExecutable(root, { program: command[0], workingDir, path: env['PATH'] });

  joinRoot(host, pid);
  process.chdir(workingDir);
  kernel.setGroups(identity.supplementaryGids);
  kernel.setGid(identity.gid);
  kernel.setUid(identity.uid);
  enterWorkingDirectory({ app: app.name, workingDir });
  return becomeProgram(host, { path, argv: command, env, keep: [] });
}

function readVariable(text: string): { readonly name: string; readonly value: string } {
  const at = text.indexOf('=');

  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

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
