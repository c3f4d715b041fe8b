import { constants } from 'node:os';
import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { kernelErrno } from '#base/kernel/native';
import { deadlineIn } from '#base/time/deadline';
import type { PodUuid } from '#schema/types/pod-uuid';
import { killPodCgroups, podLockHolders } from '#stage1';
import { demandPodState, readPodState } from '../pod/look-at-pod.ts';
import { allows, demandState, hasEnded, type PodState } from '../pod/pod-state.ts';
import { podPid } from '../pod/pod-process.ts';
import { callEntrypoint } from '../stage1/entrypoint-call.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import type { PodResult } from './outcomes.ts';
import { readPodStage1 } from './pod-stage1.ts';
import { type MainProcess, openMainProcess } from './main-process.ts';
import { type WaitOptions, waitForEnd } from './wait-for-end.ts';
import { waitForFirstProcess } from './wait-for-first-process.ts';

export interface StopOptions {
  /** At once, without a chance to end in order. */
  readonly force: boolean;
  /** How long a pod has to end in order before it is killed; infinite for as long as it takes. */
  readonly timeoutMs: number;
}

/** How long a stage1 may take to kill a pod, before it is done without it. */
const FORCE_MS = 2_000;

/** How long a killed pod takes at most. */
const DYING_MS = 20_000;

/**
 * Has pods end, all at once, and waits until they have: first in order, then by
 * force. One that has ended already is stopped. Each pod has its own result, in
 * the order given.
 */
export async function* stopPods(
  context: OperationContext,
  uuids: readonly PodUuid[],
  options: StopOptions,
): AsyncGenerator<PodResult> {
  using library = openLibrary(context);
  const ends = uuids.map((uuid) => stopOne(context, library, { uuid, ...options }));
  for (const end of ends) yield await end;
}

interface Stop extends StopOptions {
  readonly uuid: PodUuid;
}

async function stopOne(
  context: OperationContext,
  library: Library,
  stop: Stop,
): Promise<PodResult> {
  try {
    await stopPod(context, library, stop);
    return { uuid: stop.uuid, error: undefined };
  } catch (error) {
    return { uuid: stop.uuid, error };
  }
}

async function stopPod(context: OperationContext, library: Library, stop: Stop): Promise<void> {
  const { uuid, force } = stop;
  const deadline = deadlineIn(stop.timeoutMs);
  const state = demandPodState(context.kernel, context.dataDir, uuid);
  if (hasEnded(state)) return;
  demandState(state, 'stop');

  if (!force && (await endsInOrder(context, library, { ...stop, timeoutMs: deadline.left() }))) {
    return;
  }
  await killPod(context, library, uuid);
}

/** @returns false when the pod has to be killed */
async function endsInOrder(
  context: OperationContext,
  library: Library,
  { uuid, timeoutMs }: Stop,
): Promise<boolean> {
  const deadline = deadlineIn(timeoutMs);
  try {
    const state = await waitForFirstProcess(context, uuid, timeoutMs);
    using main = state?.name === 'running' ? openMainProcess(context.kernel, state.dir) : undefined;
    if (state?.name === 'running') {
      await callStop(context, library, { state, force: false, timeoutMs: deadline.left() });
    }

    return await endsWithMain(context, uuid, { main, timeoutMs: deadline.left() });
  } catch (error) {
    if (isGantryError(error, 'WAIT_TIMED_OUT', 'STAGE1_TIMED_OUT')) return false;
    throw isGantryError(error, 'POD_TOO_NEW') ? onlyByForce(error) : error;
  }
}

interface Ending {
  readonly main: MainProcess | undefined;
  readonly timeoutMs: number;
}

/**
 * Waits for the end of a pod that has been asked. When its main process has
 * ended and others hold on to the pod, that was their time: as under a service
 * manager they are killed.
 */
async function endsWithMain(
  context: OperationContext,
  uuid: PodUuid,
  { main, timeoutMs }: Ending,
): Promise<boolean> {
  const done = new AbortController();
  const ended = endsWithin(context, uuid, { timeoutMs, signal: done.signal });
  if (main === undefined) return await ended;

  const mainEnded = main.end(done.signal).then(() => undefined);
  const first = await Promise.race([ended, mainEnded]);
  done.abort();
  await Promise.all([ended, mainEnded]);
  if (first !== undefined) return first;

  const state = readPodState(context.kernel, context.dataDir, uuid);
  return state === undefined || hasEnded(state);
}

interface StopCall {
  readonly state: PodState;
  readonly force: boolean;
  /** How long its stage1 may take. */
  readonly timeoutMs: number;
}

/** @throws GantryError POD_NOT_STOPPED, STAGE1_TIMED_OUT, POD_UNREADABLE and whatever keeps its stage1 from being called */
async function callStop(
  context: OperationContext,
  library: Library,
  { state, force, timeoutMs }: StopCall,
): Promise<void> {
  const stage1 = readPodStage1(library, state.dir);
  if (stage1.flavor.entrypoints.stop === undefined) {
    signalPod(context.kernel, state, force);
    return;
  }

  const exitCode = await callEntrypoint(context, stage1, {
    name: 'stop',
    podDir: state.dir,
    args: [...(force ? ['--force'] : []), state.uuid],
    env: {},
    timeoutMs,
  });
  if (exitCode !== 0) throw notStopped(state, exitCode);
}

/** What a stage1 without an entrypoint for it gets: a signal to the pod's first process. */
function signalPod(kernel: Kernel, { dir }: PodState, force: boolean): void {
  const pid = podPid(dir);
  if (pid !== undefined) signal(kernel, pid, force ? 'SIGKILL' : 'SIGTERM');
}

/**
 * Kills a pod if it runs, and waits for its end. Its stage1 does it as well as
 * it can; what is left of the pod then, or of one that is broken, is ended here.
 * @throws GantryError POD_NOT_STOPPED
 */
export async function killPod(
  context: OperationContext,
  library: Library,
  uuid: PodUuid,
): Promise<void> {
  const { kernel, log } = context;
  const state = readPodState(kernel, context.dataDir, uuid);
  if (state === undefined || !allows(state, 'stop')) return;

  try {
    if (state.name === 'running') {
      await callStop(context, library, { state, force: true, timeoutMs: FORCE_MS });
    }
  } catch (error) {
    // Whatever is the matter with it: the pod is to end.
    log.warning(`pod ${uuid} is killed without its stage1: ${errorMessage(error)}`);
  }
  for (const pid of podLockHolders(state.dir)) signal(kernel, pid, 'SIGKILL');
  killPodCgroups(kernel, state.dir);
  if (!(await endsWithin(context, uuid, { timeoutMs: DYING_MS }))) throw notKilled(context, uuid);
}

function signal(kernel: Kernel, pid: number, name: 'SIGKILL' | 'SIGTERM'): void {
  try {
    kernel.kill(pid, constants.signals[name]);
  } catch (error) {
    // It ended by itself meanwhile, which is what was wanted.
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }
}

async function endsWithin(
  context: OperationContext,
  uuid: PodUuid,
  options: WaitOptions,
): Promise<boolean> {
  try {
    await waitForEnd(context, uuid, options);
    return true;
  } catch (error) {
    if (isGantryError(error, 'WAIT_TIMED_OUT')) return false;
    if (isGantryError(error, 'POD_NOT_FOUND')) return true;
    throw error;
  }
}

function onlyByForce({ code, message }: GantryError): GantryError {
  return new GantryError(code, message, {
    hint: 'use the newer gantry that made it; "gantry stop --force" kills all of it that is found',
  });
}

function notStopped({ uuid }: PodState, exitCode: number): GantryError {
  return new GantryError(
    'POD_NOT_STOPPED',
    `cannot stop pod ${uuid}: its stage1 ended with status ${exitCode}`,
    { hint: 'try --force' },
  );
}

function notKilled({ kernel, dataDir }: OperationContext, uuid: PodUuid): GantryError {
  const state = readPodState(kernel, dataDir, uuid)?.name ?? 'gone';

  return new GantryError(
    'POD_NOT_STOPPED',
    `cannot stop pod ${uuid}: it was killed and is still ${state}`,
    { hint: 'a process that waits for a device cannot be killed; see the kernel log with "dmesg"' },
  );
}
