import type { AcName } from '#schema/types/names';
import { podManifestPath } from '#stage1';
import { claimPodName } from '../pod/claim-pod-name.ts';
import { createPod, type LockedPod } from '../pod/locked-pod.ts';
import { giveToGroup } from '../pod/pod-dirs.ts';
import { overlayObstacle } from '../prepare/overlay.ts';
import { type PodTree, writePod } from '../prepare/write-pod.ts';
import type { OperationContext } from './context.ts';
import type { RunnableImage } from './images.ts';
import type { Library } from './library.ts';
import type { PodPlan } from './plan-pod.ts';

/** How a pod is made. */
export interface MakeOptions {
  readonly noOverlay: boolean;
  readonly podName?: AcName | undefined;
  /** Called as soon as the pod has a name, before anything else can fail. */
  readonly named?: (pod: LockedPod<'prepare'>) => void;
}

/**
 * Makes the pod's directory and everything in it; it is in the phase `prepare`
 * and stays there, for gc to find, when something fails.
 */
export async function makePod(
  context: OperationContext,
  { store }: Library,
  { plan, options }: { readonly plan: PodPlan; readonly options: MakeOptions },
): Promise<LockedPod<'prepare'>> {
  const overlay = !options.noOverlay && canOverlay(context);
  const pod = createPod(context.kernel, context.dataDir);
  try {
    options.named?.(pod);
    if (options.podName !== undefined) claimPodName(context.kernel, pod, options.podName);
    const { manifest, stage1, apps } = plan;
    const contents = { manifest, stage1: treeOf(stage1), apps: apps.map(treeOf), overlay };
    await writePod(pod.dir, contents, async ({ id }, target) => {
      const image = [stage1, ...apps].find(({ tree }) => tree.id === id);
      if (image === undefined) throw new Error(`not a tree of the pod: ${id}`);
      await store.trees.copyTo(image.tree, target);
    });
    giveToGroup(podManifestPath(pod.dir));
    for (const { key } of apps) store.touch(key);
    // From here on the pod's directory says what it is made of, and gc looks there.
    plan[Symbol.dispose]();

    return pod;
  } catch (error) {
    pod.lock.release();
    throw error;
  }
}

function treeOf({ manifest, tree, accepted }: RunnableImage): PodTree {
  return { id: tree.id, rootfs: tree.rootfs, manifest, accepted };
}

function canOverlay({ dataDir, log }: OperationContext): boolean {
  const obstacle = overlayObstacle(dataDir);
  if (obstacle === undefined) return true;

  log.warning(`copying trees instead of overlaying them: ${obstacle}`);
  return false;
}
