import { writeFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import type { Trees } from '#image-store';
import { demandMove, type LockedPod } from '../pod/locked-pod.ts';
import { checkRun } from '../prepare/checks.ts';
import { launchPod } from '../stage1/launch.ts';
import type { OperationContext } from './context.ts';
import { openLibrary } from './library.ts';
import { makePod } from './make-pod.ts';
import { makingPods } from './making-pods.ts';
import type { RunOutcome } from './outcomes.ts';
import { type PodPlan, planPod } from './plan-pod.ts';
import type { RunRequest } from './requests.ts';

/**
 * Makes a pod and becomes it.
 * @returns only when it did not come to that
 * @throws GantryError of whatever is refused
 */
export async function run(context: OperationContext, request: RunRequest): Promise<RunOutcome> {
  return await makingPods(context, async (own) => await makeAndRun(own, request));
}

async function makeAndRun(context: OperationContext, request: RunRequest): Promise<RunOutcome> {
  using library = openLibrary(context);
  using plan = await planPod(context, library, request);
  checkRun({
    manifest: plan.manifest,
    images: plan.apps.map(({ manifest }) => manifest),
    flavor: plan.flavor,
    unsupported: request.unsupported,
    options: request,
  });

  const { noOverlay, podName, uuidFileSave } = request;
  const made = await makePod(context, library, {
    plan,
    options: {
      noOverlay,
      podName,
      named: ({ uuid }) => {
        if (uuidFileSave !== undefined) saveUuid(uuidFileSave, uuid);
      },
    },
  });
  // After a power loss nothing of this pod runs, wherever its directory lies.
  // Only the end of this process lets go of the pod: it lies in the pod's cgroups by
  // then, and who finds the lock free ends what is in there.
  const pod = demandMove(made, 'run', { durable: false });

  const { trees } = library.store;
  return { exitCode: await launch(context, { pod, plan, request, trees }) };
}

interface Start {
  readonly pod: LockedPod<'run'>;
  readonly plan: PodPlan;
  readonly request: RunRequest;
  readonly trees: Trees;
}

async function launch(context: OperationContext, start: Start): Promise<number> {
  const { pod, plan, request, trees } = start;
  const planned = new Map([plan.stage1, ...plan.apps].map(({ tree }) => [tree.id, tree]));

  return await launchPod(context, {
    pod,
    flavor: plan.flavor,
    stage1TreeRootfs: plan.stage1.tree.rootfs,
    apps: plan.manifest.apps.map(({ name }) => name),
    lowersOf: (id) => {
      const tree = planned.get(id);
      if (tree === undefined) throw new Error(`not a tree of the pod: ${id}`);
      return trees.attach(tree);
    },
    options: request,
    insecure: request.insecure,
  });
}

function saveUuid(path: string, uuid: string): void {
  try {
    writeFileSync(path, `${uuid}\n`);
  } catch (error) {
    throw new GantryError(
      'UUID_FILE_UNWRITABLE',
      `cannot write UUID file "${path}": ${fileState(error)}`,
      { cause: error },
    );
  }
}
