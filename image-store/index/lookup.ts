import { GantryError } from '#base/errors/gantry-error';
import { type ImageKey, isImageKeyPrefix } from '#schema/types/image-hash';
import { type Labels, labelsMatch } from '#schema/types/labels';
import type { AcIdentifier } from '#schema/types/names';
import type { StoreContext } from '../format/context.ts';
import type { ImageRecord } from './image-record.ts';
import { imageNotFound, listKeys, listKeysNamed, readRecord } from './records.ts';

/** Characters of a key: `sha512-` and half of the digest's hexadecimal digits, or `sha256-` and all. */
const KEY_LENGTH = 'sha512-'.length + 64;
/** So many candidates are named in an error. */
const MAX_NAMED = 5;

/**
 * The one image whose key begins with `text`; a whole sha512 is cut to the
 * half that is the key, as rkt does.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS (names the candidates)
 */
export function findByPrefix(dir: string, text: string): ImageKey {
  const prefix = text.toLowerCase().slice(0, KEY_LENGTH);
  if (!isImageKeyPrefix(prefix)) throw imageNotFound(text);

  const keys = listKeys(dir, prefix);
  const [first, second] = keys;
  if (first === undefined) throw imageNotFound(text);
  if (second === undefined) return first;

  throw new GantryError(
    'IMAGE_AMBIGUOUS',
    `cannot find image "${text}": ${keys.length} images begin so: ${nameSome(keys)}`,
    { hint: 'give more digits' },
  );
}

/**
 * The image that a name and labels mean (fact sheet 2.1): every label asked for
 * must match; when no version is asked for, one that was fetched as the latest
 * goes first; then the one imported last.
 * @returns undefined when the store has none
 */
export function findByName(
  context: StoreContext,
  name: AcIdentifier,
  labels: Labels,
): ImageRecord | undefined {
  const anyVersion = !labels.some((label) => label.name === 'version');
  const candidates = listKeysNamed(context.dir, name)
    .map((key) => readRecord(context, key))
    .filter((record) => record !== undefined)
    // OCI images are found by references of their own: nobody shall pass one off as an ACI.
    .filter(({ oci }) => oci === undefined)
    .filter((record) => record.name === name && labelsMatch(labels, record.labels));

  return candidates.reduce<ImageRecord | undefined>(
    (best, record) => (best === undefined || goesBefore(record, best, anyVersion) ? record : best),
    undefined,
  );
}

function goesBefore(one: ImageRecord, other: ImageRecord, anyVersion: boolean): boolean {
  if (anyVersion && one.latest !== other.latest) return one.latest;
  return one.importTime > other.importTime;
}

function nameSome(keys: readonly ImageKey[]): string {
  const named = keys.slice(0, MAX_NAMED).join(', ');

  return keys.length > MAX_NAMED ? `${named}, …` : named;
}
