import { GantryError } from '#base/errors/gantry-error';
import type { Tree } from '#image-store';
import { stage1RootfsDir } from '#stage1';
import { readPodFlavor, readPodTreeIds } from '../pod/read-pod.ts';
import type { PodStage1 } from '../stage1/entrypoint-call.ts';
import type { Library } from './library.ts';

/** A tree that a pod lies over. @throws GantryError TREE_GONE */
export function demandTree({ store }: Pick<Library, 'store'>, id: string): Tree {
  const tree = store.trees.find(id);
  if (tree !== undefined) return tree;

  throw new GantryError('TREE_GONE', `cannot use the pod: its rendered tree "${id}" is gone`, {
    hint: 'the image store was changed by hand; remove the pod and make it anew',
  });
}

/** The stage1 of a pod that exists. @throws GantryError POD_UNREADABLE, TREE_GONE */
export function readPodStage1(library: Pick<Library, 'store'>, podDir: string): PodStage1 {
  const { stage1 } = readPodTreeIds(podDir);
  if (stage1 === undefined) {
    throw new GantryError('POD_UNREADABLE', `cannot read pod in "${podDir}": it has no stage1`);
  }

  return {
    flavor: readPodFlavor(podDir),
    treeRootfs: demandTree(library, stage1).rootfs,
    podRootfs: stage1RootfsDir(podDir),
  };
}
