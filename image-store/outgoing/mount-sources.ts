import type { OciDigest } from '#schema/oci/digest';
import { asRegistryReference, type RegistryReference } from '../reference/oci-reference.ts';
import type { ImageStore } from '../store.ts';

/** Other repositories of a registry that are likely to have a blob: images of the store that have it came from there. */
export function mountSources(
  store: Pick<ImageStore, 'list'>,
  { host, repository }: RegistryReference,
  digest: OciDigest,
): readonly string[] {
  const sources = store
    .list()
    .filter(({ oci }) => oci?.layers.some((layer) => layer.digest === digest) === true)
    // Of what lies on this machine the references are none of registries.
    .map(({ origin }) => asRegistryReference(origin?.reference ?? ''))
    .filter((origin) => origin !== undefined)
    .filter((origin) => origin.host === host && origin.repository !== repository)
    .map((origin) => origin.repository);

  return [...new Set(sources)];
}
