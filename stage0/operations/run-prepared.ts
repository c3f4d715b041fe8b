import { GantryError } from '#base/errors/gantry-error';
import { demandMove, type LockedPod } from '../pod/locked-pod.ts';
import { demandPodState } from '../pod/look-at-pod.ts';
import { demandState, podBusy, type PodState } from '../pod/pod-state.ts';
import { readPodManifest, readPodTreeIds } from '../pod/read-pod.ts';
import { takePod } from '../pod/take-pod.ts';
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

  // A pod runs once, whatever happens to the machine meanwhile. Only the end of
  // this process lets go of it: see run.ts.
  const pod = demandMove(prepared, 'run');
  const exitCode = await launchPod(context, {
    pod,
    flavor: stage1.flavor,
    stage1TreeRootfs: stage1.treeRootfs,
    apps: manifest.apps.map(({ name }) => name),
    lowersOf: (id) => library.store.trees.attach(demandTree(library, id)),
    options: request,
    insecure: request.insecure,
  });

  return { exitCode };
}

async function lockPrepared(
  context: OperationContext,
  { uuid }: RunPreparedRequest,
): Promise<LockedPod<'prepared'>> {
  const { kernel, dataDir } = context;
  const seen = demandPodState(kernel, dataDir, uuid);
  demandState(seen, 'run');
  if (!seen.isDirectory) throw noDirectory(seen);

  const taking = await takePod(context, { dataDir, uuid, phase: 'prepared' });
  if (taking.kind === 'taken') return taking.pod;
  const state = taking.state ?? demandPodState(kernel, dataDir, uuid);
  demandState(state, 'run');
  throw podBusy(state, 'run');
}

function noDirectory({ dir }: PodState): GantryError {
  return new GantryError('POD_UNREADABLE', `cannot read pod in "${dir}": it is not a directory`);
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
