import {
  type ImageRecord,
  type ImageStore,
  imagesMeant,
  openRegistries,
  type RegistryReference,
} from '#image-store';
import type { OperationContext } from './context.ts';
import { configDirs } from './library.ts';

/**
 * The image of the store that was fetched as one that a reference may mean; undefined when there is none.
 * @throws GantryError IMAGE_NAME_SHORT, IMAGE_NAME_AMBIGUOUS, REGISTRIES_INVALID
 */
export async function findOfRegistry(
  context: OperationContext,
  store: ImageStore,
  reference: RegistryReference,
): Promise<ImageRecord | undefined> {
  const images = await imagesMeant(
    reference,
    async () => await openRegistries(configDirs(context), context.log),
  );

  return images.map((image) => store.findByReference(image)).find((record) => record !== undefined);
}
