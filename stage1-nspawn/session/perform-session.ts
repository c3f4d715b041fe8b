import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { makeDirs } from '#base/fs/make-dirs';
import { removePath } from '#base/fs/remove-path';
import { EXIT_NOT_FOUND, type EntrypointHost } from '#stage1';
import { sessionDir, sessionUnitName } from '../units/entered.ts';
import { FORESEEN_STEPS, stepName } from '../units/exec-steps.ts';
import { formatUnit, UNIT_DIR } from '../units/write-unit.ts';
import type { ExecObstacle } from '../init/exec-outlook.ts';
import { KILLED } from './pod-end.ts';
import { demandNotStopping, hasEnded, type RunningPod, systemctl } from './running-pod.ts';
import { type SessionPlan, sessionUnit } from './session-unit.ts';
import { watchStatus } from './watch-status.ts';

/** What a command needs on its way. */
export interface SessionRequest {
  readonly pod: RunningPod;
  /** Text of the app's unit file. */
  readonly appUnit: string;
  readonly plan: SessionPlan;
  /** Text of a file of variables that come on top of the app's. */
  readonly environment: string;
  /** What to say when the kernel does not execute it. */
  readonly obstacle: ExecObstacle | undefined;
}

/** Carries a command's streams. @returns when there is nothing more to carry */
export interface Pump {
  /** Called when the command has been started. */
  start(signal: (name: string) => void): Promise<void>;
  /** Gives back what it holds, whatever happened. */
  close(): void;
}

/** Within which a command that could not be started has a status, on the busiest machine. */
const STATUS_WITHIN_MS = 10_000;

/** A name for a new command. */
export const newSessionId = (): string => randomBytes(8).toString('hex');

/**
 * Runs a command as a unit of the pod's systemd, with the caller at its streams.
 * @returns its exit status; 137 when the pod ended first
 * @throws GantryError POD_STOPPING, APP_EXEC_NOT_FOUND, APP_EXEC_NOT_EXECUTABLE, SESSION_NOT_STARTED
 */
export async function performSession(
  host: EntrypointHost,
  request: SessionRequest,
  pump: Pump,
): Promise<number> {
  const { pod, plan, appUnit } = request;
  const dir = join(pod.root, sessionDir(plan.id));
  try {
    writeFileSync(join(dir, 'env'), request.environment, { mode: 0o600 });
    const unit = sessionUnit(appUnit, plan);
    writeFileSync(join(pod.root, UNIT_DIR, unit.name), formatUnit(unit));
    await start(host, request);

    return await follow(host, request, pump);
  } finally {
    pump.close();
    removeQuietly(dir);
  }
}

/** Carries the streams of a command that has been started. @returns its exit status; 137 when the pod ended first */
async function follow(host: EntrypointHost, request: SessionRequest, pump: Pump): Promise<number> {
  try {
    await pump.start((name) => void signalSession(host, request, name));
    return (await watchStatus(host, statusPath(request))) ?? KILLED;
  } catch (error) {
    // Its streams went with the pod, and so did it.
    if (hasEnded(request.pod)) return KILLED;
    throw error;
  }
}

const statusPath = ({ pod, plan }: SessionRequest): string =>
  join(pod.root, sessionDir(plan.id), 'status');

/** Makes the folder of a command. @returns its path on the host */
export function makeSessionDir({ root }: RunningPod, id: string): string {
  const dir = join(root, sessionDir(id));
  makeDirs(dir, 0o700);

  return dir;
}

/** Returns when the command has been executed; then it has its streams. */
async function start(host: EntrypointHost, request: SessionRequest): Promise<void> {
  const { pod, plan, obstacle } = request;
  const result = await systemctl(host, pod, ['start', sessionUnitName(plan.id)]);
  if (result.exitCode === 0) return;

  demandNotStopping(pod);
  const patience = AbortSignal.timeout(STATUS_WITHIN_MS);
  const status = await watchStatus(host, statusPath(request), patience);
  demandNotStopping(pod);
  if (status !== undefined && FORESEEN_STEPS.includes(status)) {
    throw notExecuted(plan, obstacle, status);
  }
  // It ended so fast that its end was seen before its beginning.
  if (status !== undefined && stepName(status) === undefined) return;
  const state = status === undefined ? '' : `: it failed at step ${stepName(status)}`;
  throw new GantryError(
    'SESSION_NOT_STARTED',
    `cannot enter the pod: its systemd does not start the command${state}`,
    { cause: new Error(result.stderr.trim().split('\n')[0]) },
  );
}

function notExecuted(
  { command }: SessionPlan,
  obstacle: ExecObstacle | undefined,
  status: number,
): GantryError {
  const code =
    obstacle?.status === EXIT_NOT_FOUND ? 'APP_EXEC_NOT_FOUND' : 'APP_EXEC_NOT_EXECUTABLE';
  const step = `the pod's systemd failed at step ${stepName(status)}`;

  return new GantryError(code, obstacle?.message ?? `cannot execute "${command.argv[0]}": ${step}`);
}

async function signalSession(
  host: EntrypointHost,
  { pod, plan }: SessionRequest,
  name: string,
): Promise<void> {
  await systemctl(host, pod, [
    'kill',
    '--kill-whom=main',
    `--signal=${name}`,
    sessionUnitName(plan.id),
  ]);
}

/** The pod may be gone, and this with it. */
function removeQuietly(dir: string): void {
  try {
    removePath(dir, { recursive: true, force: true });
  } catch {
    // Nobody else will ever look there.
  }
}
