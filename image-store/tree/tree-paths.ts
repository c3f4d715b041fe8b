import { below } from '#base/fs/below';

// Every path of the rendered trees in a store (`DATA/cas`), relative names as
// rkt has them where rkt has one (fact sheet 2.1). `dir` is the store's folder.

export const treesDir = (dir: string): string => below(dir, 'tree');
export const treeDir = (dir: string, id: string): string => below(treesDir(dir), id);
/** Lock files by tree id. */
export const treeLocksDir = (dir: string): string => below(dir, 'treestorelocks');
/** The rendered root file system. */
export const treeRootfsPath = (tree: string): string => below(tree, 'rootfs');
/** The same packed into one file, which is then mounted on it. */
export const treeImagePath = (tree: string): string => below(tree, 'rootfs.erofs');
/** The manifest of the image that the tree belongs to. */
export const treeManifestPath = (tree: string): string => below(tree, 'manifest');
/** How every entry looked when it was rendered. */
export const treeListingPath = (tree: string): string => below(tree, 'listing');
/** What overlayfs would get wrong of the directories of a layer, JSON. */
export const treeDirectoriesPath = (tree: string): string => below(tree, 'directories');
/** The completion flag, JSON with the whole-tree hash, written last; a tree without it is none. */
export const treeFlagPath = (tree: string): string => below(tree, 'rendered');

/** What the name of a tree that was found broken has behind its id. */
export const BROKEN_ENDING = '.broken';
