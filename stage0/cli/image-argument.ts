import { GantryError } from '#base/errors/gantry-error';
import { type ImageRecord, type ImageStore, parseImageName } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { labelValue } from '#schema/types/labels';

/** What `fetch` prints of a key: 32 of its 64 digits, as rkt did. */
export const shortKey = (key: ImageKey): string => key.slice(0, 'sha512-'.length + 32);

/** An image's name as tables show it: with its version, when it has one. */
export function shownName({ name, labels }: ImageRecord): string {
  const version = labelValue(labels, 'version');

  return version === undefined ? name : `${name}:${version}`;
}

/**
 * The image in the store that an argument means: a beginning of its key, or a
 * name.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS, IMAGE_REFERENCE_INVALID
 */
export function findStored(store: ImageStore, text: string): ImageKey {
  if (text.startsWith('sha512-')) return store.findByPrefix(text);

  const { name, labels } = parseImageName(text);
  const record = store.findByName(name, labels);
  if (record !== undefined) return record.key;

  throw new GantryError('IMAGE_NOT_FOUND', `cannot find image "${text}" in the store`, {
    hint: '"gantry image list" shows what there is',
  });
}

/** Flags of `image extract` and `image render`. */
export const EXTRACT_OPTIONS = {
  overwrite: { kind: 'flag', summary: 'replace the directory when it is there' },
  'rootfs-only': {
    kind: 'flag',
    summary: 'only the root file system, without the manifest beside it',
  },
} as const;
