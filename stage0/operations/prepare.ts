import { demandMove } from '../pod/locked-pod.ts';
import { checkPod } from '../prepare/checks.ts';
import { syncPod } from '../prepare/write-pod.ts';
import type { OperationContext } from './context.ts';
import { openLibrary } from './library.ts';
import { makePod } from './make-pod.ts';
import { makingPods } from './making-pods.ts';
import type { PrepareOutcome } from './outcomes.ts';
import { planPod } from './plan-pod.ts';
import type { PrepareRequest } from './requests.ts';

/**
 * Makes a pod for `run-prepared`; whatever happens to the machine, it is there
 * from then on.
 * @throws GantryError of whatever is refused
 */
export async function prepare(
  context: OperationContext,
  request: PrepareRequest,
): Promise<PrepareOutcome> {
  return await makingPods(context, async (own) => await makePrepared(own, request));
}

async function makePrepared(
  context: OperationContext,
  request: PrepareRequest,
): Promise<PrepareOutcome> {
  using library = openLibrary(context);
  using plan = await planPod(context, library, request);
  checkPod({
    manifest: plan.manifest,
    images: plan.apps.map(({ manifest }) => manifest),
    flavor: plan.flavor,
    unsupported: request.unsupported,
  });

  const { noOverlay, podName } = request;
  const pod = await makePod(context, library, { plan, options: { noOverlay, podName } });
  syncPod(context.kernel, pod.dir);
  using prepared = demandMove(pod, 'prepared');

  return { uuid: prepared.uuid };
}
