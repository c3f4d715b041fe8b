import { createHash } from 'node:crypto';
import { type DigestAlgorithm, digestOf, type OciDigest } from './digest.ts';

/** The digest of bytes that are in memory. Apart from `digest.ts`, so that who only reads digests loads no hash. */
export function digestOfBytes(bytes: Uint8Array, algorithm: DigestAlgorithm): OciDigest {
  return digestOf(algorithm, createHash(algorithm).update(bytes).digest());
}
