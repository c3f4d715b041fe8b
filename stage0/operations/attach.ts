import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import {
  type AttachArguments,
  encodeAttachArguments,
  ENTER_APP_VARIABLE,
  ENTER_COMMAND_VARIABLE,
  ENTER_PID_VARIABLE,
} from '#stage1';
import { entrypointPath, type Flavor } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import { openLibrary } from './library.ts';
import type { RunOutcome } from './outcomes.ts';
import { readPodStage1 } from './pod-stage1.ts';
import { crossOver, demandRunningApp } from './running-app.ts';

export interface AttachRequest extends Omit<AttachArguments, 'app'> {
  readonly uuid: PodUuid;
  /** May be left out when the pod has one app. */
  readonly app?: string | undefined;
}

/**
 * Connects the caller with an app of a running pod, or lists what it could be connected with.
 * @returns the exit status, when this process is still there
 * @throws GantryError POD_STATE, POD_NOT_READY, APP_NOT_FOUND, APP_AMBIGUOUS, FLAVOR_CANNOT
 */
export async function attachToPod(
  context: OperationContext,
  request: AttachRequest,
): Promise<RunOutcome> {
  const { podDir, app, pid } = await demandRunningApp(context, { ...request, action: 'attach to' });

  using library = openLibrary(context);
  const stage1 = readPodStage1(library, podDir);
  demandAttachable(stage1.flavor, request.uuid);
  const args = encodeAttachArguments({ ...request, app });
  const env = {
    [ENTER_COMMAND_VARIABLE]: entrypointPath(stage1.flavor, 'enter', stage1.treeRootfs),
    [ENTER_PID_VARIABLE]: String(pid),
    [ENTER_APP_VARIABLE]: app,
  };
  return await crossOver(context, stage1, { name: 'attach', podDir, args, env });
}

function demandAttachable({ name, entrypoints }: Flavor, uuid: PodUuid): void {
  if (entrypoints.attach !== undefined) return;

  throw new GantryError(
    'FLAVOR_CANNOT',
    `cannot attach to pod ${uuid}: its stage1, ${name}, has nothing to attach to`,
    { hint: 'its apps have the streams of whoever ran the pod' },
  );
}
