import { constants } from 'node:os';
import { GantryError } from '#base/errors/gantry-error';
import { kernelErrno } from '#base/kernel/native';
import type { PodUuid } from '#schema/types/pod-uuid';
import { killPodCgroups } from '#stage1';
import { demandPodState } from '../pod/find-pod.ts';
import { canStop, hasEnded, type PodState, wrongState } from '../pod/pod-state.ts';
import { podPid } from '../pod/pod-process.ts';
import { callEntrypoint } from '../stage1/entrypoint-call.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import type { PodResult } from './outcomes.ts';
import { readPodStage1 } from './pod-stage1.ts';

export interface StopOptions {
  /** At once, without a chance to end in order. */
  readonly force: boolean;
}

/** Asks pods to end; one that has ended already is stopped. Each pod has its own result. */
export async function stopPods(
  context: OperationContext,
  uuids: readonly PodUuid[],
  options: StopOptions,
): Promise<readonly PodResult[]> {
  using library = openLibrary(context);
  const results: PodResult[] = [];
  for (const uuid of uuids) {
    try {
      await stopPod(context, library, { uuid, ...options });
      results.push({ uuid, error: undefined });
    } catch (error) {
      results.push({ uuid, error });
    }
  }

  return results;
}

async function stopPod(
  context: OperationContext,
  library: Library,
  { uuid, force }: StopOptions & { readonly uuid: PodUuid },
): Promise<void> {
  const state = demandPodState(context.kernel, context.dataDir, uuid);
  if (hasEnded(state)) return;
  if (!canStop(state)) throw wrongState('stop', state);
  if (state.name === 'orphaned') {
    killPodCgroups(context.kernel, state.dir);
    return;
  }

  const stage1 = readPodStage1(library, state.dir);
  if (stage1.flavor.entrypoints.stop === undefined) {
    signalPod(context, state, force);
    return;
  }
  const exitCode = await callEntrypoint(context, stage1, {
    name: 'stop',
    podDir: state.dir,
    args: [...(force ? ['--force'] : []), uuid],
    env: {},
  });
  if (exitCode !== 0) throw notStopped(state, exitCode);
}

/** What a stage1 without an entrypoint for it gets: a signal to the pod's first process. */
function signalPod({ kernel }: OperationContext, { uuid, dir }: PodState, force: boolean): void {
  const pid = podPid(dir);
  if (pid === undefined) {
    throw new GantryError('POD_NOT_READY', `cannot stop pod ${uuid}: it is just starting`, {
      hint: 'try again',
    });
  }

  try {
    kernel.kill(pid, force ? constants.signals.SIGKILL : constants.signals.SIGTERM);
  } catch (error) {
    // It ended by itself meanwhile, which is what was wanted.
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }
}

function notStopped({ uuid }: PodState, exitCode: number): GantryError {
  return new GantryError(
    'POD_NOT_STOPPED',
    `cannot stop pod ${uuid}: its stage1 ended with status ${exitCode}`,
    { hint: 'try --force' },
  );
}
