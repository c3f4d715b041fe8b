import { isGantryError } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import { imageSource } from '../index/dependencies.ts';
import { planTree } from '../tree/tree-plan.ts';
import { treesInSight } from './take-tree.ts';

/**
 * Whether one of these trees, which pods lie over, is an image's: one that is
 * there, or, for who may not look among the trees, the one that it would have.
 */
export function isTreeUsed(
  context: StoreContext,
  key: ImageKey,
  used: ReadonlySet<string>,
): boolean {
  if (treesInSight(context.dir).some((tree) => tree.key === key && used.has(tree.id))) return true;

  try {
    return used.has(planTree(key, imageSource(context)).id);
  } catch (error) {
    if (isGantryError(error)) return false;
    throw error;
  }
}
