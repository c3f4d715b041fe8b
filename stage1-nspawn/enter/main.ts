import { existsSync } from 'node:fs';
import { errorMessage, GantryError } from '#base/errors/gantry-error';
import {
  type EnterArguments,
  type Entrypoint,
  type EntrypointHost,
  executableExitCode,
  parseEnterArguments,
} from '#stage1';
import { hasEnded, openRunningPod, type RunningPod, stopping } from '../session/running-pod.ts';
import { makeSessionDir, newSessionId, performSession } from '../session/perform-session.ts';
import { connectPipes } from '../session/pipes.ts';
import { connectTerminal } from '../session/terminal.ts';
import { planEntry } from './plan-entry.ts';

/**
 * Runs a command in an app of a running pod, as the app runs, with the caller at
 * its streams: on a terminal when the caller is on one, else by pipes.
 */
export const entrypoint: Entrypoint = async (host) => {
  try {
    return await enter(host);
  } catch (error) {
    const exitCode = executableExitCode(error);
    if (exitCode === undefined) throw error;
    host.log.error(errorMessage(error));
    return exitCode;
  }
};

async function enter(host: EntrypointHost): Promise<number> {
  const [, ...argv] = host.argv;
  const request = parseEnterArguments(argv);
  const pod = openRunningPod(request.pid);
  try {
    return await enterPod(host, pod, request);
  } catch (error) {
    // What is written and made in it can fail anywhere then.
    if (hasEnded(pod)) throw stopping(error);
    throw error;
  }
}

async function enterPod(
  host: EntrypointHost,
  pod: RunningPod,
  request: EnterArguments,
): Promise<number> {
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  if (terminal) demandTerminals(pod);
  const { appUnit, environment, obstacle, uid, ...plan } = planEntry(host, pod, {
    ...request,
    terminal,
  });

  const id = newSessionId();
  const dir = makeSessionDir(pod, id);
  const session = { pod, appUnit, environment, obstacle };
  if (!terminal) {
    const pump = connectPipes(host.kernel, dir, process);
    return await performSession(host, { ...session, plan: { id, ...plan } }, pump);
  }
  const { pump, number } = connectTerminal(host.kernel, { root: pod.root, uid }, process);
  return await performSession(host, { ...session, plan: { id, ...plan, terminal: number } }, pump);
}

function demandTerminals({ root }: RunningPod): void {
  if (existsSync(`${root}/dev/pts/ptmx`)) return;

  throw new GantryError('SESSION_NOT_STARTED', 'cannot enter the pod: it has no terminals');
}
