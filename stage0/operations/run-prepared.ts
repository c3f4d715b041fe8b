import { demandPodState, lockPod } from '../pod/find-pod.ts';
import { type LockedPod, movePod } from '../pod/locked-pod.ts';
import { canRun, podBusy, wrongState } from '../pod/pod-state.ts';
import { readPodManifest, readPodTreeIds } from '../pod/read-pod.ts';
import { checkRun } from '../prepare/checks.ts';
import { launchPod } from '../stage1/launch.ts';
import { demandAccepted } from './acceptance.ts';
import type { OperationContext } from './context.ts';
import { demandUnchanged } from './images.ts';
import { type Library, openLibrary } from './library.ts';
import { makingPods } from './making-pods.ts';
import type { RunOutcome } from './outcomes.ts';
import { demandTree, readPodStage1 } from './pod-stage1.ts';
import type { RunPreparedRequest } from './requests.ts';

/**
 * Becomes a pod that `prepare` made.
 * @returns only when it did not come to that
 * @throws GantryError POD_STATE, POD_NOT_FOUND, and of whatever is refused
 */
export async function runPrepared(
  context: OperationContext,
  request: RunPreparedRequest,
): Promise<RunOutcome> {
  return await makingPods(context, async (own) => await becomePrepared(own, request));
}

async function becomePrepared(
  context: OperationContext,
  request: RunPreparedRequest,
): Promise<RunOutcome> {
  using library = openLibrary(context);
  const prepared = await lockPrepared(context, request);
  const manifest = readPodManifest(prepared.dir);
  const stage1 = readPodStage1(library, prepared.dir);
  checkRun({ manifest, images: [], flavor: stage1.flavor, options: request, ...request });
  await demandStillAccepted(context, library, { pod: prepared, request });

  using pod = movePod(prepared, 'run', { durable: false });
  const exitCode = await launchPod(context, {
    pod,
    flavor: stage1.flavor,
    stage1TreeRootfs: stage1.treeRootfs,
    apps: manifest.apps.map(({ name }) => name),
    rootfsOf: (id) => library.store.trees.attach(demandTree(library, id)),
    options: request,
    insecure: request.insecure,
  });

  return { exitCode };
}

async function lockPrepared(
  { kernel, dataDir }: OperationContext,
  { uuid }: RunPreparedRequest,
): Promise<LockedPod<'prepared'>> {
  const state = demandPodState(kernel, dataDir, uuid);
  if (!canRun(state)) throw wrongState('run', state);

  const pod = await lockPod(kernel, { dataDir, uuid, phase: 'prepared' });
  if (pod !== undefined) return pod;
  throw podBusy('run', demandPodState(kernel, dataDir, uuid));
}

interface Question {
  readonly pod: LockedPod<'prepared'>;
  readonly request: RunPreparedRequest;
}

/** What was acceptable when the pod was prepared may not be now; and trees are looked at before every run. */
async function demandStillAccepted(
  context: OperationContext,
  library: Library,
  { pod, request }: Question,
): Promise<void> {
  const { store, trust, recordOf } = library;
  const { stage1, apps } = readPodTreeIds(pod.dir);
  for (const id of [stage1, ...apps.values()]) {
    if (id === undefined) continue;
    const tree = demandTree(library, id);
    await demandUnchanged(context, store, { key: tree.key, tree });
    for (const { key } of store.treePlan(tree.key).layers) {
      const record = recordOf(key);
      if (record === undefined) continue;
      await demandAccepted(context, trust, { record, insecure: request.insecure.image });
    }
  }
}
