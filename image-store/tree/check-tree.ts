import { errorMessage, GantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { findDifference, readListing } from './listing.ts';
import { hashPacked, type Packer } from './packed-tree.ts';
import type { PlainTree } from './tree.ts';
import { hashTree } from './tree-hash.ts';
import { treeListingPath } from './tree-paths.ts';

/**
 * Finds any entry of a tree that was added, removed or changed since it was
 * rendered, by size, mode, owner, inode and change time of every entry. Reads
 * no content; made for the path to `run`.
 * @throws GantryError TREE_CHANGED naming an entry
 */
export function checkFast(kernel: Kernel, tree: PlainTree): void {
  const listing = readListing(treeListingPath(tree.dir));
  if (listing === undefined) throw changed(tree, 'its listing is missing or damaged');

  const root = tree.kind === 'packed' ? tree.dir : tree.rootfs;
  const difference = differenceOf(() => findDifference(kernel, root, listing));
  if (difference !== undefined) throw changed(tree, difference);
}

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
  if (hash !== tree.hash) throw changed(tree, 'its content does not match its hash');
}

function differenceOf(find: () => string | undefined): string | undefined {
  try {
    return find();
  } catch (error) {
    return errorMessage(error);
  }
}

function changed({ id }: PlainTree, what: string): GantryError {
  return new GantryError(
    'TREE_CHANGED',
    `cannot use the rendered tree "${id}": ${what} since it was rendered`,
    { hint: 'it is rendered again by "gantry image verify"' },
  );
}
