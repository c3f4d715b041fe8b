import { GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Dependency } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import { blobPath, ociBlobPath } from '../format/layout.ts';
import type { ImageSource } from '../tree/tree-plan.ts';
import { findByName, findByPrefix } from './lookup.ts';
import { readManifest, readStoredRecord } from './records.ts';

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

/** What an id means has the name that stands beside it, as a fetch demands. @throws GantryError IMAGE_DEPENDENCY_MISMATCH */
function demandName({ dir }: StoreContext, wanted: Dependency, key: ImageKey): void {
  const name = readStoredRecord(dir, key)?.name;
  if (wanted.imageID === undefined || name === undefined || name === wanted.imageName) return;

  throw new GantryError(
    'IMAGE_DEPENDENCY_MISMATCH',
    `cannot use "${wanted.imageName}" as a dependency: ${wanted.imageID} was asked for, and that is "${name}"`,
    { hint: 'the image that depends on it has to be built again with what there is now' },
  );
}

/**
 * The images of the store, for the plan of a tree. A dependency that is not there
 * is IMAGE_NOT_FOUND, one whose id is another image's IMAGE_DEPENDENCY_MISMATCH.
 */
export function imageSource(context: StoreContext): ImageSource {
  return {
    manifest: (key) => readManifest(context.dir, key),
    blobPath: (key) => blobPath(context.dir, key),
    layersOf: (key) =>
      readStoredRecord(context.dir, key)?.oci?.layers.map(({ digest, diffId }) => ({
        image: key,
        digest,
        diffId,
        blob: ociBlobPath(context.dir, digest),
      })),
    resolve: (dependency) => {
      const key = findDependency(context, dependency);
      if (key !== undefined) {
        demandName(context, dependency, key);
        return key;
      }

      throw new GantryError(
        'IMAGE_NOT_FOUND',
        `cannot find image "${dependency.imageName}", which another one depends on: not in the store`,
        { hint: 'fetch the image that depends on it again' },
      );
    },
  };
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
