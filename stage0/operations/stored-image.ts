import {
  type ImageRecord,
  type ImageStore,
  imagesMeant,
  openRegistries,
  type RegistryReference,
} from '#image-store';
import type { OperationContext } from './context.ts';
import { configDirs } from './library.ts';

/** An image of the store, and which of those that were meant it is. */
export interface StoredImage {
  readonly record: ImageRecord;
  readonly reference: RegistryReference;
}

/**
 * The image of the store that was fetched as one that a reference may mean; undefined when there is none.
 * @throws GantryError IMAGE_NAME_SHORT, IMAGE_NAME_AMBIGUOUS, REGISTRIES_INVALID
 */
export async function findOfRegistry(
  context: OperationContext,
  store: ImageStore,
  reference: RegistryReference,
): Promise<StoredImage | undefined> {
  const images = await imagesMeant(
    reference,
    async () => await openRegistries(configDirs(context), context.log),
  );

  for (const image of images) {
    const record = store.findByReference(image);
    if (record !== undefined) return { record, reference: image };
  }

  return undefined;
}
