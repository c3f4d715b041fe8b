import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { isGantryError } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import { acceptancePath } from '../format/layout.ts';
import { readStoreFile } from '../format/store-file.ts';
import { ociDigest } from '#schema/oci/digest';
import type { Acceptance, OciOrigin, OciParts, PolicyGrant } from './image-record.ts';

/** What is kept beside a blob: all about an image that its blob does not say. */
export interface Keeping {
  readonly accepted: Acceptance;
  readonly latest: boolean;
  /** Of an OCI image. */
  readonly origin?: OciOrigin | undefined;
}

/** What an OCI image is made of, as it is written down. */
export const ociParts: v.GenericSchema<OciParts> = v.object({
  manifest: ociDigest,
  layers: v.array(
    v.object({
      digest: ociDigest,
      diffId: ociDigest,
      size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    }),
  ),
});

const policyGrant: v.GenericSchema<PolicyGrant> = v.object({
  scope: v.string(),
  signatures: v.array(
    v.object({
      type: v.picklist(['signedBy', 'sigstoreSigned']),
      signer: v.string(),
      reference: v.optional(v.string()),
      manifest: ociDigest,
    }),
  ),
  seen: v.string(),
  files: v.array(v.string()),
  demanded: v.string(),
});

const keepingSchema = v.object({
  accepted: v.object({
    how: v.picklist(['signed', 'insecure', 'builtin', 'policy']),
    fingerprint: v.optional(v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/))),
    signedBy: v.optional(v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/))),
    prefix: v.optional(v.string()),
    policy: v.optional(policyGrant),
    time: v.number(),
    source: v.string(),
  }),
  latest: v.boolean(),
  origin: v.optional(
    v.intersect([
      ociParts,
      v.object({
        mediaType: v.string(),
        reference: v.string(),
        name: v.string(),
        version: v.optional(v.string()),
      }),
    ]),
  ),
});

/** The text that is kept beside a blob. */
export function formatKeeping(keeping: Keeping): string {
  return `${JSON.stringify(keeping)}\n`;
}

const FETCH_AGAIN = 'fetch the image again; without that "gantry image gc" removes it';

/**
 * Reads what `formatKeeping` wrote.
 * @param what named in the error
 * @throws GantryError STORE_DAMAGED
 */
export function parseKeeping(text: string, what: string): Keeping {
  return decodeJson(keepingSchema, text, { what, code: 'STORE_DAMAGED', hint: FETCH_AGAIN });
}

/**
 * What is kept beside the blob of an image.
 * @returns undefined when nothing is
 * @throws GantryError STORE_DAMAGED
 */
export function readKeeping(dir: string, key: ImageKey): Keeping | undefined {
  const text = readStoreFile(acceptancePath(dir, key), FETCH_AGAIN);

  return text === undefined ? undefined : parseKeeping(text, `acceptance of image ${key}`);
}

/** As `readKeeping`, taking what is damaged for nothing. */
export function readKeepingIfSound(dir: string, key: ImageKey): Keeping | undefined {
  try {
    return readKeeping(dir, key);
  } catch (error) {
    if (isGantryError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}

/**
 * What is kept when an image is brought again. A verified acceptance is never
 * lost to an insecure one, because it stays true of the same bytes; otherwise
 * the newer one counts. What was the latest once may be meant again.
 */
export function mergeKeeping(kept: Keeping | undefined, given: Keeping): Keeping {
  if (kept === undefined) return given;

  const isWeaker = given.accepted.how === 'insecure' && kept.accepted.how !== 'insecure';
  return {
    accepted: isWeaker ? kept.accepted : given.accepted,
    latest: kept.latest || given.latest,
    origin: given.origin ?? kept.origin,
  };
}
