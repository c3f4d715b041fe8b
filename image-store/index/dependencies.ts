import { isGantryError } from '#base/errors/gantry-error';
import type { Dependency } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import { findByName, findByPrefix } from './lookup.ts';
import { readManifest } from './records.ts';

/**
 * The image in the store that a dependency means: by its id when it names one,
 * else by name and labels.
 * @returns undefined when the store has none
 */
export function findDependency(
  context: StoreContext,
  { imageName, imageID, labels = [] }: Dependency,
): ImageKey | undefined {
  if (imageID === undefined) return findByName(context, imageName, labels)?.key;

  try {
    return findByPrefix(context.dir, imageID);
  } catch (error) {
    if (isGantryError(error, 'IMAGE_NOT_FOUND', 'IMAGE_AMBIGUOUS')) return undefined;
    throw error;
  }
}

/** Images and all that they depend on, however far; what is not in the store is passed over. */
export function withDependencies(
  context: StoreContext,
  keys: Iterable<ImageKey>,
): ReadonlySet<ImageKey> {
  const found = new Set<ImageKey>();
  const pending = [...keys];
  for (let key = pending.pop(); key !== undefined; key = pending.pop()) {
    if (found.has(key)) continue;
    found.add(key);
    for (const dependency of dependenciesOf(context, key)) {
      const needed = findDependency(context, dependency);
      if (needed !== undefined) pending.push(needed);
    }
  }

  return found;
}

function dependenciesOf({ dir }: StoreContext, key: ImageKey): readonly Dependency[] {
  try {
    return readManifest(dir, key).dependencies ?? [];
  } catch (error) {
    if (isGantryError(error)) return [];
    throw error;
  }
}
