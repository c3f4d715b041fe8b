import type { RegistryReference } from '../reference/oci-reference.ts';
import type { Registries } from './registries.ts';

/**
 * The images that a reference may mean, the likeliest first: the one that it
 * names, or those that the configuration has for a name without a registry.
 * @param open reads that configuration, which no whole name needs
 * @throws GantryError IMAGE_NAME_SHORT, IMAGE_NAME_AMBIGUOUS, REGISTRIES_INVALID
 */
export async function imagesMeant(
  reference: RegistryReference,
  open: () => Promise<Registries>,
): Promise<readonly RegistryReference[]> {
  if (reference.host !== undefined) return [reference];
  const { candidatesOf } = await import('./short-names.ts');

  return candidatesOf(await open(), reference);
}
