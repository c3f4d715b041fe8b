import { join } from 'node:path';

// Every path of the rendered trees in a store (`DATA/cas`), relative names as
// rkt has them where rkt has one (fact sheet 2.1). `dir` is the store's folder.

export const treesDir = (dir: string): string => join(dir, 'tree');
export const treeDir = (dir: string, id: string): string => join(treesDir(dir), id);
/** Lock files by tree id. */
export const treeLocksDir = (dir: string): string => join(dir, 'treestorelocks');
/** The rendered root file system. */
export const treeRootfsPath = (tree: string): string => join(tree, 'rootfs');
/** The same packed into one file, which is then mounted on it. */
export const treeImagePath = (tree: string): string => join(tree, 'rootfs.erofs');
/** The manifest of the image that the tree belongs to. */
export const treeManifestPath = (tree: string): string => join(tree, 'manifest');
/** How every entry looked when it was rendered. */
export const treeListingPath = (tree: string): string => join(tree, 'listing');
/** The completion flag, JSON with the whole-tree hash, written last; a tree without it is none. */
export const treeFlagPath = (tree: string): string => join(tree, 'rendered');

/** What the name of a tree that was found broken has behind its id. */
export const BROKEN_ENDING = '.broken';
