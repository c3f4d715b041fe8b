import { errorMessage, GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import {
  type Entrypoint,
  type EntrypointHost,
  ensureEmptyVolume,
  executableExitCode,
  LOCK_FD_VARIABLE,
  parseRunArguments,
  pidPath,
  type RunArguments,
  resolveAppMounts,
  socketActivation,
} from '#stage1';
import { performMounts } from './perform-mounts.ts';
import { performProcess } from './perform-process.ts';
import { planMounts } from './plan-mounts.ts';
import { planProcess } from './plan-process.ts';
import { type FlyPod, loadPod } from './pod.ts';
import { refuseUnsupported, warnOfUnsupported } from './unsupported.ts';

/** Runs the pod: becomes its one app, in the app's root, with everything else the host's. */
export const entrypoint: Entrypoint = async (host) => {
  const [, ...argv] = host.argv;
  const args = parseRunArguments(argv);
  const pod = loadPod(host.podDir);
  refuseUnsupported(pod, args);
  warnOfUnsupported(pod, args, host.log);

  mountAll(host, pod, args);
  const sockets = socketActivation(host.env);
  try {
    const plan = planProcess(pod, sockets);
    // Whole or not at all: who waits for it reads it at once.
    writeFileAtomic(pidPath(host.podDir), `${process.pid}\n`, { durable: false });
    return await Promise.resolve(
      performProcess({ host, keep: [...sockets.fds, lockFd(host)] }, plan),
    );
  } catch (error) {
    const exitCode = executableExitCode(error);
    if (exitCode === undefined) throw error;
    host.log.error(errorMessage(error));
    return exitCode;
  }
};

function mountAll(host: EntrypointHost, pod: FlyPod, args: RunArguments): void {
  const { mounts, implicit, kept } = resolveAppMounts({
    podDir: pod.dir,
    app: pod.app,
    description: pod.description,
    volumes: pod.manifest.volumes ?? [],
    imageVolumes: pod.imageVolumes,
    recursiveByDefault: false,
  });
  for (const point of implicit) {
    host.log.warning(
      `app "${pod.app.name}" has no volume for mount point "${point}": an empty one is made`,
    );
  }
  for (const mount of mounts) ensureEmptyVolume(mount);

  const steps = planMounts({
    podDir: pod.dir,
    volumes: mounts,
    kept,
    readOnlyRoot: pod.app.readOnlyRootFS ?? false,
    workplace: pod.fromOci
      ? { app: pod.app.name, workingDir: pod.description.workingDirectory ?? '/' }
      : undefined,
    dnsConfMode: args.dnsConfMode,
  });
  const { kernel, callerMounts } = host;
  performMounts({ kernel, root: pod.root, callerMounts }, steps);
}

/** The lock that says that the pod lives: held by whoever has this descriptor. */
function lockFd({ env }: EntrypointHost): number {
  const fd = Number(env[LOCK_FD_VARIABLE]);
  if (Number.isInteger(fd) && fd > 2) return fd;

  throw new GantryError(
    'STAGE1_BAD_ARGUMENTS',
    `cannot run the pod: ${LOCK_FD_VARIABLE} is not set`,
  );
}
