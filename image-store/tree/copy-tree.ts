import { copyRequest, demandCopied } from './mounted-job.ts';
import { copyPacked, copyStacked, type Packer } from './packed-tree.ts';
import { lowersOf, type Tree } from './tree.ts';

/**
 * Copies a tree, as it looks, with everything preserved.
 * @param target where nothing is yet
 * @throws GantryError EXTRACT_FAILED, EXTRACT_NO_SPACE, EXEC_FAILED
 */
export async function copyTree(packer: Packer, tree: Tree, target: string): Promise<void> {
  if (tree.layers.length > 0) copyStacked(packer, lowersOf(tree), target);
  else if (tree.kind === 'packed') copyPacked(packer, tree.dir, target);
  else demandCopied(await packer.exec.run(copyRequest(tree.rootfs, target)), target);
}
