import * as v from 'valibot';
import type { Branded } from '../types/brand.ts';

/**
 * The digest of a blob: `sha256:` and 64 or `sha512:` and 128 hexadecimal digits in
 * lower case (OCI image specification, descriptor.md; both are registered algorithms).
 */
export type OciDigest = Branded<'OciDigest'>;

/** The algorithms that digests are made with. */
export type DigestAlgorithm = 'sha256' | 'sha512';

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

export function digestAlgorithm(digest: OciDigest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

/** The hexadecimal digits of a digest. */
export function digestHex(digest: OciDigest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The digest of what a hash was computed over. */
export function digestOf(algorithm: DigestAlgorithm, hash: Buffer): OciDigest {
  const digest = `${algorithm}:${hash.toString('hex')}`;
  if (!isOciDigest(digest)) throw new Error(`not a digest: ${digest}`);

  return digest;
}

/** As much of a digest as tells layers apart. */
export function shortDigest(digest: OciDigest): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}
