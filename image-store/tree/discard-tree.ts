import { isGantryError } from '#base/errors/gantry-error';
import { findTree, listTrees } from './find-tree.ts';
import { putAside } from './make-tree.ts';
import type { Packer } from './packed-tree.ts';
import type { PlainTree } from './tree.ts';
import { type Locker, lockTree } from './tree-lock.ts';
import { verifyDeep } from './verify-tree.ts';

/** Puts a broken tree aside, and what is broken below it. */
export async function discardTree(packer: Packer & Locker, id: string): Promise<void> {
  const { dir } = packer;
  const broken = (findTree(dir, id)?.layers ?? []).filter((layer) => !isWhole(packer, layer));
  for (const each of new Set([...broken.map((layer) => layer.id), id])) {
    using _lock = await lockTree(packer, each);
    if (listTrees(dir).some(({ name }) => name === each)) putAside(dir, each);
  }
}

function isWhole(packer: Packer, tree: PlainTree): boolean {
  try {
    verifyDeep(packer, tree);
    return true;
  } catch (error) {
    if (!isGantryError(error, 'TREE_CHANGED')) throw error;
    return false;
  }
}
