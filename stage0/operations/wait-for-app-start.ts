import { existsSync } from 'node:fs';
import { isGantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { appExitPath, appStartedPath } from '#stage1';
import type { PodState } from '../pod/pod-state.ts';
import { readPodFlavor, readStartedAt, stage1Outside } from '../pod/read-pod.ts';
import type { OperationContext } from './context.ts';
import { waitForFirstProcess } from './wait-for-first-process.ts';
import { waitForProgress } from './wait-for-progress.ts';

/** How long a pod counts as just starting. Its stage1 then has what leads into its apps, even where a pre-start handler takes longer. */
const STARTING_MS = 10_000;

/**
 * Waits until an app of a running pod has been started, as far as its flavor
 * tells, if the pod is just starting; until the app or the pod has ended at the
 * latest.
 */
export async function waitForAppStart(
  context: OperationContext,
  state: PodState,
  app: string,
): Promise<void> {
  const { uuid, dir } = state;
  if (!(await hasFirstProcess(context, uuid))) return;
  const { features } = readPodFlavor(dir);
  // One that does not say may leave no such marks.
  if (features === 'all' || !features.has('readiness')) return;

  const paths = [appStartedPath, appExitPath].map((path) => stage1Outside(dir, path(dir, app)));
  const age = context.now() - (readStartedAt(dir) ?? 0);
  // A clock that was set back makes a pod no younger than it can be.
  const timeoutMs = Math.min(STARTING_MS - age, STARTING_MS);
  if (timeoutMs <= 0 || paths.some((path) => existsSync(path))) return;

  await waitForProgress(context, state, { paths, timeoutMs });
}

async function hasFirstProcess(context: OperationContext, uuid: PodUuid): Promise<boolean> {
  try {
    return (await waitForFirstProcess(context, uuid, STARTING_MS))?.name === 'running';
  } catch (error) {
    if (isGantryError(error, 'WAIT_TIMED_OUT')) return false;
    throw error;
  }
}
