import { GantryError } from '#base/errors/gantry-error';
import { digestAlgorithm, digestHex, type OciDigest } from '../oci/digest.ts';
import type { Branded } from './brand.ts';
import { quoted } from '#base/errors/quoted';

/**
 * How a document names an image: `sha512-` and 2 to 128 hex digits, or `sha256-` and
 * 2 to 64 for an OCI image, lower case. rkt shortens to 64 digits what it stores and
 * takes any unambiguous prefix.
 */
export type ImageId = Branded<'ImageId'>;

/**
 * How the store names an image: an ACI by `sha512-` and the first 64 hex digits of the
 * sha512 of its uncompressed tar, an OCI image by the digest of its configuration.
 */
export type ImageKey = Branded<'ImageId' | 'ImageKey'>;

const KEY_DIGITS = 64;
const IMAGE_ID = /^(?:sha512-[0-9a-f]{2,128}|sha256-[0-9a-f]{2,64})$/;
const IMAGE_KEY = /^sha(?:512|256)-[0-9a-f]{64}$/;
const ID_START = /^sha(?:512|256)-/;

/** What an image id must be, to follow `must be`. */
export const IMAGE_ID_RULE =
  '"sha512-" and 2 to 128 hexadecimal digits in lower case, or "sha256-" and 2 to 64';

export function isImageId(text: string): text is ImageId {
  return IMAGE_ID.test(text);
}

/** Whether a text can only mean an image by its hash, right or wrong. */
export function looksLikeImageId(text: string): boolean {
  return ID_START.test(text);
}

/** Whether the text is how a user asks for an image by hash: `sha512-` or `sha256-` and at least two digits. */
export function isImageKeyPrefix(text: string): boolean {
  return isImageId(text);
}

/** @throws GantryError IMAGE_ID_INVALID */
export function parseImageId(text: string): ImageId {
  if (isImageId(text)) return text;

  throw new GantryError(
    'IMAGE_ID_INVALID',
    `cannot use ${quoted(text)} as an image id: it must be ${IMAGE_ID_RULE}`,
  );
}

/**
 * Reads a whole key; an id with the full 128 digits is shortened as the store does.
 * @throws GantryError IMAGE_ID_INVALID
 */
export function parseImageKey(text: string): ImageKey {
  const key = isImageId(text) && text.length === 135 ? text.slice(0, 7 + KEY_DIGITS) : text;
  if (isImageKey(key)) return key;

  throw new GantryError(
    'IMAGE_ID_INVALID',
    `cannot use ${quoted(text)} as an image key: it must be "sha512-" or "sha256-" and 64 hexadecimal digits`,
  );
}

/** The key of an OCI image whose configuration has this digest; a sha512 is shortened as that of an ACI. */
export function imageKeyOfDigest(digest: OciDigest): ImageKey {
  return parseImageKey(`${digestAlgorithm(digest)}-${digestHex(digest).slice(0, KEY_DIGITS)}`);
}

/** The key of an image whose uncompressed tar has this sha512 (all 64 bytes of it). */
export function imageKeyOf(digest: Buffer): ImageKey {
  if (digest.length !== 64) throw new Error(`not a sha512: ${digest.length} bytes`);

  return parseImageKey(`sha512-${digest.toString('hex').slice(0, KEY_DIGITS)}`);
}

/** Whether an id, full, shortened as rkt does, or a prefix, means the image with this key. */
export function imageIdMatches(id: ImageId, key: ImageKey): boolean {
  return id.length > key.length ? id.startsWith(key) : key.startsWith(id);
}

function isImageKey(text: string): text is ImageKey {
  return IMAGE_KEY.test(text);
}
