export type { ExtractionTarget } from './extract-image.ts';
export type { StoredTree, Tree } from './tree.ts';
export type { ImageSource, PlannedLayer, TreePlan } from './tree-plan.ts';
export { openTrees, type Trees, type TreesOptions } from './open-trees.ts';
