import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage, GantryError } from '#base/errors/gantry-error';
import { parsePodManifest } from '#schema/pod/pod-manifest';
import {
  type Entrypoint,
  type EntrypointHost,
  executableExitCode,
  findExecutable,
  handOver,
  parseEnterArguments,
  podManifestPath,
} from '#stage1';
import { readStage1Root } from '../aci/stage1-root.ts';
import { appProcess } from '../cgroup/app-process.ts';
import { environmentPathInside } from '../units/app-unit.ts';
import { parseEnvironmentFile } from '../units/quote.ts';
import { appRoot } from './app-root.ts';

/** Becomes a command in an app of a running pod: as root, in `/`, with the app's environment and the caller's TERM. */
export const entrypoint: Entrypoint = async (host) => {
  const [, ...argv] = host.argv;
  const { pid, app, command } = parseEnterArguments(argv);
  const name = parsePodManifest(readFileSync(podManifestPath(host.podDir), 'utf8')).apps.find(
    (each) => each.name === app,
  )?.name;
  if (name === undefined) {
    throw new GantryError('APP_NOT_FOUND', `cannot enter app "${app}": the pod has no such app`);
  }

  const env = readEnvironment(host, pid, app);
  const place = appRoot(pid, appProcess(host.podDir, name), name);
  try {
    findExecutable(place.root, { program: command[0], workingDir: '/', path: env['PATH'] });
  } catch (error) {
    const exitCode = executableExitCode(error);
    if (exitCode === undefined) throw error;
    host.log.error(errorMessage(error));
    return exitCode;
  }

  return await Promise.resolve(becomeNsenter(host, { ...place, pid, env, command }));
};

interface Entry {
  /** The pod's PID 1, whose stage1 the program comes from. */
  readonly pid: number;
  /** The process whose namespaces are joined. */
  readonly target: number;
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

/** The pod's own nsenter: it joins, forks into the process namespace, and passes on how the command ended. */
function becomeNsenter(host: EntrypointHost, { pid, target, root, env, command }: Entry): never {
  const stage1 = `/proc/${pid}/root`;
  const { loader, libraryPath } = readStage1Root(stage1);
  const path = join(stage1, loader);
  const argv = [
    path,
    '--library-path',
    libraryPath.map((each) => join(stage1, each)).join(':'),
    join(stage1, '/usr/bin/nsenter'),
    `--target=${target}`,
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    '--cgroup',
    `--root=${root}`,
    // Without it the command would start in a directory of the host.
    `--wd=${root}`,
    '--setgid=0',
    '--setuid=0',
    '--',
    ...command,
  ];

  return handOver(host.kernel, host.caller, { path, argv, env, keep: [] });
}

function readEnvironment(
  { env }: EntrypointHost,
  pid: number,
  app: string,
): Readonly<Record<string, string>> {
  const term = env['TERM'];
  try {
    const text = readFileSync(`/proc/${pid}/root${environmentPathInside(app)}`, 'utf8');
    return { ...parseEnvironmentFile(text), ...(term === undefined ? {} : { TERM: term }) };
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) throw error;
    throw new GantryError('POD_NOT_RUNNING', `cannot enter the pod: process ${pid} has ended`, {
      cause: error,
    });
  }
}
