import { readFileSync } from 'node:fs';
import { errorCode, errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import type { ImageManifest } from '#schema/image/image-manifest';
import { isSameManifest } from '#schema/image/same-manifest';
import { findDifference, readListing } from './listing.ts';
import type { PlainTree, Tree } from './tree.ts';
import { treeListingPath, treeManifestPath } from './tree-paths.ts';

/**
 * Finds any entry of a tree that was added, removed or changed since it was
 * rendered, by size, mode, owner, inode and change time of every entry. Reads
 * no content; made for the path to `run`.
 * @throws GantryError TREE_CHANGED naming an entry
 */
export function checkFast(kernel: Kernel, tree: PlainTree): void {
  const listing = readListing(treeListingPath(tree.dir));
  if (listing === undefined) throw changedTree(tree, 'its listing was lost or damaged');

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

/** Whether the manifest that lies in a tree says what this one says. */
export function hasManifest(tree: Tree, manifest: ImageManifest): boolean {
  try {
    // As it was written; to check one takes longer than all else that a look at a tree takes.
    const text = readFileSync(treeManifestPath(tree.dir), 'utf8');
    return text === `${JSON.stringify(manifest)}\n` || isSameManifest(tree.manifest, manifest);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || isGantryError(error)) return false;
    throw error;
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
