import * as v from 'valibot';
import type { Branded } from '../types/brand.ts';

/**
 * The digest of a blob: `sha256:` and 64 or `sha512:` and 128 hexadecimal digits in
 * lower case (OCI image specification, descriptor.md; both are registered algorithms).
 */
export type OciDigest = Branded<'OciDigest'>;

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** What a digest must be, to follow `must be`. */
export const DIGEST_RULE = '"sha256:" and 64 or "sha512:" and 128 hexadecimal digits in lower case';

export function isOciDigest(text: string): text is OciDigest {
  return DIGEST.test(text);
}

/** A digest in a document. */
export const ociDigest: v.GenericSchema<OciDigest> = v.custom<OciDigest>(
  (value) => typeof value === 'string' && isOciDigest(value),
  `must be ${DIGEST_RULE}`,
);
