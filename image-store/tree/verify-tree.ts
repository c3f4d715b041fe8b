import type { ImageManifest } from '#schema/image/image-manifest';
import { changedTree, checkFast, hasManifest } from './check-tree.ts';
import { hashPacked, type Packer } from './packed-tree.ts';
import type { PlainTree, Tree } from './tree.ts';
import { hashTree } from './tree-hash.ts';

/**
 * Computes the hash of all that a tree holds and compares it with the one that
 * was computed when the tree was rendered, and does what `checkFast` does.
 * @throws GantryError TREE_CHANGED
 */
export function verifyDeep(packer: Packer, tree: PlainTree): void {
  const { kernel } = packer;
  checkFast(kernel, tree);

  const hash =
    tree.kind === 'packed' ? hashPacked(packer, tree.dir) : hashTree(kernel, tree.rootfs);
  if (hash !== tree.hash) throw changedTree(tree, 'its content was changed');
}

/** Compares the manifest that lies in a tree. @throws GantryError TREE_CHANGED */
export function demandManifest(tree: Tree, manifest: ImageManifest): void {
  if (!hasManifest(tree, manifest)) throw changedTree(tree, 'its manifest has changed');
}
