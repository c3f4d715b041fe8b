import { existsSync, writeFileSync } from 'node:fs';
import { isGantryError } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import { encodeGcArguments, killPodCgroups, releasedPath, removePodCgroups } from '#stage1';
import type { LockedPod } from '../pod/locked-pod.ts';
import { refuseNewerPod } from '../pod/pod-format.ts';
import { configArguments } from '../stage1/config-arguments.ts';
import { callEntrypoint, findEntrypoint, type PodStage1 } from '../stage1/entrypoint-call.ts';
import { isOwn } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import type { Library } from './library.ts';
import { readPodStage1 } from './pod-stage1.ts';

/**
 * How long a `gc` may take (docs/stage1-guide.md). Those of our own limit each
 * of the programs that they start, and go on with the next.
 */
const GC_LIMIT_MS = 120_000;

/** How a `gc` fails otherwise than by its status. */
const FAILURES = [
  'STAGE1_TIMED_OUT',
  'STAGE1_FAILED',
  'STAGE1_NOT_EXECUTABLE',
  'EXEC_NOT_STARTED',
] as const;

/** A pod that is to give back what it held. */
export interface Release {
  readonly pod: LockedPod<'run' | 'exited-garbage'>;
  /** Whether its stage1 forgets what it cannot give back, and tells what that is. */
  readonly force?: boolean | undefined;
}

/**
 * Gives back what a pod that ended held outside its own namespaces: ends what
 * is left of its processes, then its stage1's `gc`, once.
 * @returns false when that `gc` failed, which is told in the log and to be tried again
 * @throws GantryError POD_TOO_NEW, POD_NOT_KILLED
 */
export async function releasePod(
  context: OperationContext,
  library: Library,
  { pod, force }: Release,
): Promise<boolean> {
  refuseNewerPod(pod.dir);
  if (existsSync(releasedPath(pod.dir))) return true;
  killPodCgroups(context.kernel, pod.dir);

  const gc = findGc(context, library, pod);
  if (gc === undefined) removePodCgroups(pod.dir);
  else if (!(await succeeds(context, { pod, force }, gc))) return false;
  noteReleased(context, pod);

  return true;
}

/** Twice does no harm, so a disk without room for the note is no reason to fail: `gc` and `rm` make room. */
function noteReleased({ log }: OperationContext, { uuid, dir }: LockedPod): void {
  try {
    writeFileSync(releasedPath(dir), '');
  } catch (error) {
    const obstacle = obstacleOf(error);
    if (obstacle === undefined) throw error;
    log.debug(`cannot note that pod ${uuid} has been released: ${obstacle.state}`);
  }
}

/** @returns undefined when what the pod held cannot be told any more */
function findGc(
  context: OperationContext,
  library: Library,
  pod: LockedPod,
): PodStage1 | undefined {
  let stage1: PodStage1 | undefined;
  try {
    stage1 = readPodStage1(library, pod.dir);
    findEntrypoint(context, stage1, 'gc');
    return stage1;
  } catch (error) {
    // One that cannot be loaded is there all the same.
    if (isGantryError(error, 'STAGE1_FAILED')) return stage1;
    if (!isGantryError(error)) throw error;
    context.log.warning(`pod ${pod.uuid} is released without its stage1's gc: ${error.message}`);
    return undefined;
  }
}

async function succeeds(
  context: OperationContext,
  { pod: { uuid, dir }, force }: Release,
  stage1: PodStage1,
): Promise<boolean> {
  const args = encodeGcArguments(
    { ...configArguments(context), uuid, force },
    stage1.flavor.interfaceVersion,
  );
  const timeoutMs = isOwn(stage1.flavor) ? Number.POSITIVE_INFINITY : GC_LIMIT_MS;
  const call = { name: 'gc', podDir: dir, args, env: {}, timeoutMs } as const;
  try {
    const exitCode = await callEntrypoint(context, stage1, call);
    if (exitCode === 0) return true;

    context.log.warning(`stage1's gc of pod ${uuid} ended with status ${exitCode}`);
  } catch (error) {
    if (!isGantryError(error, ...FAILURES)) throw error;
    context.log.warning(`stage1's gc of pod ${uuid}: ${error.message}`);
  }
  return false;
}
