import type { X509Certificate } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import type { SignedClaim } from '../payload.ts';

/** A signature in the form that the libraries of sigstore take, nothing of it checked. */
export interface SignedBundle {
  readonly bundle: Bundle;
  /** What is signed, unless the bundle holds it. */
  readonly artifact: Uint8Array | undefined;
  /** Of a signer who has no key of his own. */
  readonly certificate: X509Certificate | undefined;
  /** Of those who issued it, as they came with it. */
  readonly between: readonly X509Certificate[];
  /** What it says, to be asked when it is good. @throws GantryError SIGNATURE_MALFORMED */
  readonly claim: () => SignedClaim;
}
