import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import { type OciDigest, ociDigest } from '#schema/oci/digest';
import { lineOfDuplicate } from './json-lines.ts';

/** What a signature of an image says: containers-signature(5). */
export interface SignedClaim {
  readonly digest: OciDigest;
  /** As it stands there; undefined when only the digest is signed. */
  readonly reference: string | undefined;
}

/** What the two kinds of signatures call themselves. */
export type ClaimType = 'atomic container signature' | 'cosign container image signature';

/** More than any claim takes. */
const MAX_BYTES = 64 * 1024;

/**
 * Reads what has been signed, when the signature has been found good. Nothing
 * unknown may be in its critical part.
 * @throws GantryError SIGNATURE_MALFORMED
 */
export function parseClaim(payload: Uint8Array, type: ClaimType): SignedClaim {
  if (payload.length > MAX_BYTES) throw malformedClaim(`more than ${MAX_BYTES} bytes are signed`);
  const text = Buffer.from(payload).toString('utf8');
  const { critical } = decodeJson(claim(type), text, {
    what: 'what is signed',
    code: 'SIGNATURE_MALFORMED',
  });
  demandSingleNames(text);

  return {
    digest: critical.image['docker-manifest-digest'],
    reference: critical.identity['docker-reference'],
  };
}

/** Of a name that stands twice in JSON everybody reads another one. @throws GantryError SIGNATURE_MALFORMED */
export function demandSingleNames(json: string): void {
  if (lineOfDuplicate(json) !== undefined) throw malformedClaim('a name stands twice in it');
}

const claim = (type: ClaimType) =>
  v.strictObject({
    critical: v.strictObject({
      type: v.literal(type, `must be "${type}"`),
      image: v.strictObject({ 'docker-manifest-digest': ociDigest }),
      identity: v.strictObject({ 'docker-reference': v.string('must be text') }),
    }),
    optional: v.nullable(v.record(v.string(), v.unknown(), 'must be an object')),
  });

/** What is signed cannot be taken for a claim. */
export function malformedClaim(state: string): GantryError {
  return new GantryError('SIGNATURE_MALFORMED', `cannot read what is signed: ${state}`);
}
