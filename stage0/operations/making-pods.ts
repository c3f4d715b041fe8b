import { GantryError } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import { podsDir } from '../pod/pod-dirs.ts';
import type { OperationContext } from './context.ts';

/** What lies in a pod is read by the users of its apps and written by root alone. */
const POD_UMASK = 0o022;

/**
 * Does what makes or starts a pod. From here on the umask is gantry's own, for
 * a pod must not depend on who calls; what takes this process's place gets the
 * caller's back.
 * @throws GantryError POD_NOT_MADE for what the machine has against it (a full file system, say), and what `work` throws
 */
export async function makingPods<Result>(
  context: OperationContext,
  work: (context: OperationContext) => Promise<Result>,
): Promise<Result> {
  const { kernel, caller, dataDir } = context;
  const umask = kernel.umask(POD_UMASK);
  try {
    return await work({ ...context, caller: { ...caller, umask } });
  } catch (error) {
    throw podError(error, podsDir(dataDir));
  }
}

function podError(error: unknown, dir: string): unknown {
  const obstacle = obstacleOf(error);
  if (obstacle === undefined) return error;
  const { state, hint } = obstacle;

  return new GantryError('POD_NOT_MADE', `cannot make a pod in "${dir}": ${state}`, {
    hint,
    cause: error,
  });
}
