import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { encodeEnterArguments, type EnterOptions, handOver } from '#stage1';
import { demandPodState } from '../pod/look-at-pod.ts';
import { podPid } from '../pod/pod-process.ts';
import { allows, demandState, wrongState } from '../pod/pod-state.ts';
import type { Flavor } from '../stage1/flavor.ts';
import { entrypointHost, findEntrypoint } from '../stage1/entrypoint-call.ts';
import { chooseApp } from './choose-app.ts';
import type { OperationContext } from './context.ts';
import { openLibrary } from './library.ts';
import type { RunOutcome } from './outcomes.ts';
import { readPodStage1 } from './pod-stage1.ts';

export interface EnterRequest extends EnterOptions {
  readonly uuid: PodUuid;
  /** May be left out when the pod has one app. */
  readonly app?: string | undefined;
  readonly command: readonly [string, ...string[]];
}

/**
 * Runs a command inside an app of a running pod, or becomes it, as the flavor has it.
 * @returns the exit status, when this process is still there
 * @throws GantryError POD_STATE, POD_NOT_READY, APP_NOT_FOUND, APP_AMBIGUOUS, FLAVOR_CANNOT
 */
export async function enterPod(
  context: OperationContext,
  request: EnterRequest,
): Promise<RunOutcome> {
  const { kernel, dataDir } = context;
  const state = demandPodState(kernel, dataDir, request.uuid);
  demandState(state, 'enter');

  const podDir = state.dir;
  const app = chooseApp(podDir, { ...request, action: 'enter' });
  const pid = podPid(podDir);
  if (pid === undefined) throw notThere(context, request);

  using library = openLibrary(context);
  const stage1 = readPodStage1(library, podDir);
  demandEnterOptions(stage1.flavor, request);
  const args = encodeEnterArguments({ ...request, pid, app });
  const found = findEntrypoint(context, stage1, 'enter');
  process.chdir(podDir);
  if (found.kind === 'module') {
    const call = { name: 'enter', podDir, args, env: {} } as const;
    return { exitCode: await found.entrypoint(entrypointHost(context, found.path, call)) };
  }

  const { path } = found;
  return handOver(kernel, context.caller, {
    path,
    argv: [path, ...args],
    env: context.env,
    keep: [],
  });
}

/** A stage1 that does not know these words would do something else than was asked for. */
function demandEnterOptions(
  { name, features }: Flavor,
  { user, group, workingDir, environment = [] }: EnterOptions,
): void {
  const given = user ?? group ?? workingDir ?? environment[0];
  if (given === undefined || (features !== 'all' && features.has('enter-options'))) return;

  throw new GantryError(
    'FLAVOR_CANNOT',
    `cannot enter the pod otherwise than its stage1 does: ${name} takes no user, group, directory or variables`,
    { hint: 'leave the flags out' },
  );
}

/** The pod has no first process: it is just starting, or it has ended since it was looked at. */
function notThere({ kernel, dataDir }: OperationContext, { uuid }: EnterRequest): GantryError {
  const state = demandPodState(kernel, dataDir, uuid);
  if (!allows(state, 'enter')) return wrongState(state, 'enter');

  return new GantryError(
    'POD_NOT_READY',
    `cannot enter pod ${uuid}: it is just starting, or just ending`,
    { hint: 'try again' },
  );
}
