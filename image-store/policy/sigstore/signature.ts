import { GantryError } from '#base/errors/gantry-error';
import type { OciDigest } from '#schema/oci/digest';

/** A sigstore signature as it was found, whatever it is worth. */
export type SigstoreSignature = AnnotatedSignature | BundledSignature | RefusedSignature;

/** As cosign keeps it beside an image: a blob, and annotations of it (cosign/specs/SIGNATURE_SPEC.md). */
export interface AnnotatedSignature {
  /** What is signed. */
  readonly payload: Uint8Array;
  /** Base64. */
  readonly signature: string;
  /** PEM, of a signer who has no key of his own. */
  readonly certificate?: string | undefined;
  /** PEM, of those who issued it. */
  readonly chain?: string | undefined;
  /** JSON: that a transparency log has it. */
  readonly bundle?: string | undefined;
}

/** A bundle that refers to an image (cosign/specs/BUNDLE_SPEC.md). */
export interface BundledSignature {
  readonly json: Uint8Array;
  /** What it refers to, which it may have signed as it is. */
  readonly manifest: { readonly digest: OciDigest; readonly bytes: Uint8Array };
}

/** One that was not even looked at. */
export interface RefusedSignature {
  readonly refusal: GantryError;
}

/** A signature that proves nothing. */
export function invalidSignature(state: string, cause?: unknown): GantryError {
  return new GantryError('SIGNATURE_INVALID', `the signature is not good: ${state}`, { cause });
}
