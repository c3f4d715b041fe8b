import { GantryError } from '#base/errors/gantry-error';
import { type ImageRecord, type ImageStore, parseReference, type Reference } from '#image-store';
import { type ImageKey, isImageKeyPrefix } from '#schema/types/image-hash';
import { labelValue } from '#schema/types/labels';
import type { OperationContext } from '../operations/context.ts';
import { findOfRegistry } from '../operations/stored-image.ts';

/** What `fetch` prints of a key: 32 of its 64 digits, as rkt did. */
export const shortKey = (key: ImageKey): string => key.slice(0, 'sha512-'.length + 32);

/** An image's name as tables show it: with its version, when it has one; of an OCI image the reference. */
export function shownName({ name, labels, origin }: ImageRecord): string {
  if (origin !== undefined) return origin.reference;
  const version = labelValue(labels, 'version');

  return version === undefined ? name : `${name}:${version}`;
}

/**
 * The image in the store that an argument means: a beginning of its key, a
 * name, or the reference of an OCI image, with or without `docker://`.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS, IMAGE_REFERENCE_INVALID, and what `findOfRegistry` throws
 */
export async function findStored(
  context: OperationContext,
  store: ImageStore,
  text: string,
): Promise<ImageKey> {
  if (isImageKeyPrefix(text)) return store.findByPrefix(text);
  // What a table shows.
  const record = findNewest(store, ({ reference }) => reference === text);
  if (record !== undefined) return record.key;
  const typed = namesPort(text) ? `docker://${text}` : text;
  const reference = parseReference(typed, { fileExists: () => false });
  const found =
    (await findReferred(context, store, reference)) ??
    // What the archive calls it that it came out of.
    findNewest(store, ({ name, version = '' }) => `${name}:${version}` === text);
  if (found !== undefined) return found.key;

  throw new GantryError('IMAGE_NOT_FOUND', `cannot find image "${text}" in the store`, {
    hint: '"gantry image list" shows what there is',
  });
}

/** The newest OCI image of such an origin. */
function findNewest(
  store: ImageStore,
  matches: (origin: NonNullable<ImageRecord['origin']>) => boolean,
): ImageRecord | undefined {
  return store
    .list()
    .filter(({ origin }) => origin !== undefined && matches(origin))
    .reduce<ImageRecord | undefined>(
      (best, record) => (best === undefined || record.importTime > best.importTime ? record : best),
      undefined,
    );
}

/** Whether it is a name in a registry whose host has a port: appc knows no such name. */
const namesPort = (text: string): boolean => /^[\w.-]+:\d+\/[^:]+(?::[^:/]+|@\w+:\w+)?$/.test(text);

async function findReferred(
  context: OperationContext,
  store: ImageStore,
  reference: Reference,
): Promise<ImageRecord | undefined> {
  switch (reference.kind) {
    case 'name':
      return store.findByName(reference.name, reference.labels);
    case 'registry':
      return (await findOfRegistry(context, store, reference))?.record;
    case 'local':
      return store.findByReference(reference);
    default:
      return undefined;
  }
}
