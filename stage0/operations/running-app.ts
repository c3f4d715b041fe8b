import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import type { EntrypointName } from '#stage1';
import { demandPodState } from '../pod/look-at-pod.ts';
import { podPid } from '../pod/pod-process.ts';
import { allows, demandState, wrongState } from '../pod/pod-state.ts';
import { becomeEntrypoint } from '../stage1/become-entrypoint.ts';
import { callModule } from '../stage1/call-module.ts';
import { entrypointHost, findEntrypoint, type PodStage1 } from '../stage1/entrypoint-call.ts';
import { chooseApp } from './choose-app.ts';
import type { OperationContext } from './context.ts';
import type { RunOutcome } from './outcomes.ts';
import { waitForAppStart } from './wait-for-app-start.ts';

/** An app of a running pod, as it is asked for. */
export interface AppSelection {
  readonly uuid: PodUuid;
  /** May be left out when the pod has one app. */
  readonly app?: string | undefined;
  readonly action: 'attach to' | 'enter';
}

export interface RunningApp {
  readonly podDir: string;
  readonly app: string;
  /** The pod's first process. */
  readonly pid: number;
}

/**
 * An app that can be gone into. Of a pod that is just starting it is waited for.
 * @throws GantryError POD_STATE, POD_NOT_READY, APP_NOT_FOUND, APP_AMBIGUOUS
 */
export async function demandRunningApp(
  context: OperationContext,
  selection: AppSelection,
): Promise<RunningApp> {
  const { kernel, dataDir } = context;
  const { uuid, action } = selection;
  const state = demandPodState(kernel, dataDir, uuid);
  demandState(state, action);

  const podDir = state.dir;
  const app = chooseApp(podDir, selection);
  await waitForAppStart(context, state, app);
  const pid = podPid(podDir);
  if (pid === undefined) throw notThere(context, selection);

  return { podDir, app, pid };
}

/** The pod has no first process: it is just starting, or it has ended since it was looked at. */
function notThere(
  { kernel, dataDir }: OperationContext,
  { uuid, action }: AppSelection,
): GantryError {
  const state = demandPodState(kernel, dataDir, uuid);
  if (!allows(state, action)) return wrongState(state, action);

  return new GantryError(
    'POD_NOT_READY',
    `cannot ${action} pod ${uuid}: it is just starting, or just ending`,
    { hint: 'try again' },
  );
}

/** What an entrypoint is told that goes into a running pod. */
export interface CrossingCall {
  readonly name: Extract<EntrypointName, 'attach' | 'enter'>;
  readonly podDir: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Calls an entrypoint that goes into a running pod, or becomes it. @returns the exit status, when this process is still there */
export async function crossOver(
  context: OperationContext,
  stage1: PodStage1,
  call: CrossingCall,
): Promise<RunOutcome> {
  const found = findEntrypoint(context, stage1, call.name);
  process.chdir(call.podDir);
  if (found.kind === 'module') {
    const host = entrypointHost(context, found.path, call);
    const { flavor } = stage1;
    return { exitCode: await callModule(found.entrypoint, { flavor, name: call.name, host }) };
  }

  const { path } = found;
  const place = { flavor: stage1.flavor, name: call.name };
  return becomeEntrypoint(context, place, {
    path,
    argv: [path, ...call.args],
    env: { ...context.env, ...call.env },
    keep: [],
  });
}
