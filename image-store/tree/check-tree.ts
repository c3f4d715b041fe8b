import { errorMessage, GantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { findDifference, readListing } from './listing.ts';
import type { PlainTree } from './tree.ts';
import { treeListingPath } from './tree-paths.ts';

/**
 * Finds any entry of a tree that was added, removed or changed since it was
 * rendered, by size, mode, owner, inode and change time of every entry. Reads
 * no content; made for the path to `run`.
 * @throws GantryError TREE_CHANGED naming an entry
 */
export function checkFast(kernel: Kernel, tree: PlainTree): void {
  const listing = readListing(treeListingPath(tree.dir));
  if (listing === undefined) throw changedTree(tree, 'its listing is missing or damaged');

  const root = tree.kind === 'packed' ? tree.dir : tree.rootfs;
  const difference = differenceOf(() => findDifference(kernel, root, listing));
  if (difference !== undefined) throw changedTree(tree, difference);
}

function differenceOf(find: () => string | undefined): string | undefined {
  try {
    return find();
  } catch (error) {
    return errorMessage(error);
  }
}

/** A tree that is not as it was rendered. @param what the difference */
export function changedTree(
  { id }: Pick<PlainTree, 'id'>,
  what: string,
  cause?: unknown,
): GantryError {
  return new GantryError(
    'TREE_CHANGED',
    `cannot use the rendered tree "${id}": ${what} since it was rendered`,
    { hint: 'it is rendered again by "gantry image verify"', cause },
  );
}
