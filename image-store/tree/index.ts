export type { ExtractionTarget } from './extract-image.ts';
export type { StoredTree, Tree } from './tree.ts';
export { openTrees, type Trees } from './open-trees.ts';
