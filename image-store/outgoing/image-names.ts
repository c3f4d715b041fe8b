import type { OciOrigin } from '../index/image-record.ts';
import {
  asRegistryReference,
  formatRegistryReference,
  type RegistryReference,
} from '../reference/oci-reference.ts';

/**
 * What an image of the store is called in registries: what it was fetched by, or,
 * of an archive, what it was called there.
 * @returns undefined where it has no name with a host
 */
export function registryNameOf({ name, version }: OciOrigin): RegistryReference | undefined {
  const reference = asRegistryReference(version === undefined ? name : `${name}:${version}`);

  return reference?.host === undefined ? undefined : reference;
}

/** What an image is called in an archive: what everybody calls it. */
export function savedName({ origin }: { readonly origin: OciOrigin }): string | undefined {
  if (origin.version === undefined) return undefined;
  const name = registryNameOf(origin);

  return name === undefined ? undefined : formatRegistryReference(name);
}
