import type { OciDigest } from '#schema/oci/digest';
import type { ImageRecord } from '../index/image-record.ts';
import { parseReference } from '../reference/parse-reference.ts';
import type { RegistryReference } from '../reference/oci-reference.ts';
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
    .flatMap(originOf)
    .filter((origin) => origin.host === host && origin.repository !== repository)
    .map((origin) => origin.repository);

  return [...new Set(sources)];
}

function originOf({ origin }: ImageRecord): readonly RegistryReference[] {
  if (origin === undefined) return [];
  const isLocal = /^(?:oci|oci-archive|docker-archive):/.test(origin.reference);
  if (isLocal) return [];
  const reference = parseReference(`docker://${origin.reference}`, { fileExists: () => false });

  return reference.kind === 'registry' ? [reference] : [];
}
