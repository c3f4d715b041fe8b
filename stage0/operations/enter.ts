import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { encodeEnterArguments, type EnterOptions } from '#stage1';
import type { Flavor } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import { openLibrary } from './library.ts';
import type { RunOutcome } from './outcomes.ts';
import { readPodStage1 } from './pod-stage1.ts';
import { crossOver, demandRunningApp } from './running-app.ts';

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
  const { podDir, app, pid } = await demandRunningApp(context, { ...request, action: 'enter' });

  using library = openLibrary(context);
  const stage1 = readPodStage1(library, podDir);
  demandEnterOptions(stage1.flavor, request);
  const args = encodeEnterArguments({ ...request, pid, app });
  return await crossOver(context, stage1, { name: 'enter', podDir, args, env: {} });
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
