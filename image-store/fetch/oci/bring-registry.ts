import type { ImageKey } from '#schema/types/image-hash';
import type { RegistryReference } from '../../reference/oci-reference.ts';
import { endpointsOf } from '../../registries/endpoints.ts';
import type { Registries } from '../../registries/registries.ts';
import { askInOrder, isUnfetched } from '../ask-in-order.ts';
import type { FetchSession } from '../session.ts';
import { bringOci } from './bring-oci.ts';
import { openRegistrySource } from './registry-source.ts';

/** What was asked for, and what that may mean. */
export interface Meant {
  readonly text: string;
  /** The likeliest first. */
  readonly images: readonly RegistryReference[];
}

/**
 * Brings the first image that a registry has. One that is there and refused is
 * not made good by another.
 * @throws GantryError REGISTRY_BLOCKED, REGISTRIES_INVALID, and whatever the image is refused for
 */
export async function bringRegistry(
  session: FetchSession,
  registries: Registries,
  { text, images }: Meant,
): Promise<ImageKey> {
  let isThere = false;

  return await askInOrder({
    what: `image "${text}"`,
    places: images,
    ask: async (image) => {
      const endpoints = endpointsOf(registries, image);
      const { credentialHelpers } = registries;
      await using source = openRegistrySource(session, { image, endpoints, credentialHelpers });
      const top = async () => {
        const found = await source.top();
        isThere = true;
        return found;
      };
      return await bringOci(session, { ...source, top });
    },
    mayGoOn: (error) => !isThere && isUnfetched(error),
    tell: (image, { message }) => session.context.log.debug(`not "${image.text}": ${message}`),
  });
}
