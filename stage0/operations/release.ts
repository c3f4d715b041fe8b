import { existsSync, writeFileSync } from 'node:fs';
import { isGantryError } from '#base/errors/gantry-error';
import { encodeGcArguments, killPodCgroups, releasedPath } from '#stage1';
import type { LockedPod } from '../pod/locked-pod.ts';
import { configArguments } from '../stage1/config-arguments.ts';
import { callEntrypoint } from '../stage1/entrypoint-call.ts';
import type { OperationContext } from './context.ts';
import type { Library } from './library.ts';
import { readPodStage1 } from './pod-stage1.ts';

/**
 * Gives back what a pod that ended held outside its own namespaces: ends what
 * is left of its processes, then its stage1's `gc`, once.
 * @throws GantryError POD_NOT_KILLED; a failing `gc` is told in the log and tried again next time
 */
export async function releasePod(
  context: OperationContext,
  library: Library,
  pod: LockedPod<'run' | 'exited-garbage'>,
): Promise<void> {
  if (existsSync(releasedPath(pod.dir))) return;
  killPodCgroups(context.kernel, pod.dir);

  const exitCode = await callGc(context, library, pod);
  if (exitCode === 0) writeFileSync(releasedPath(pod.dir), '');
  else context.log.warning(`stage1's gc of pod ${pod.uuid} ended with status ${exitCode}`);
}

async function callGc(
  context: OperationContext,
  library: Library,
  { uuid, dir }: LockedPod,
): Promise<number> {
  try {
    const stage1 = readPodStage1(library, dir);
    const args = encodeGcArguments(
      { ...configArguments(context), uuid },
      stage1.flavor.interfaceVersion,
    );
    return await callEntrypoint(context, stage1, { name: 'gc', podDir: dir, args, env: {} });
  } catch (error) {
    // What a pod without a readable stage1 held, nobody can tell any more.
    if (!isGantryError(error, 'POD_UNREADABLE', 'TREE_GONE', 'STAGE1_NO_ENTRYPOINT')) throw error;
    context.log.warning(`pod ${uuid} is removed without its stage1's gc: ${error.message}`);
    return 0;
  }
}
