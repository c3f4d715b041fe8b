import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import type { OciDigest } from '#schema/oci/digest';
import { demandSingleNames, malformedClaim, type SignedClaim } from '../payload.ts';
import { COSIGN_SIGN_PREDICATE } from './predicate.ts';

/** in-toto attestation framework, "Envelope". */
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

const statement = v.object({
  _type: v.picklist(
    ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'],
    'must be that of an in-toto statement',
  ),
  predicateType: v.string('must be text'),
  subject: v.array(
    v.object({
      name: v.optional(v.string('must be text'), ''),
      digest: v.object({
        sha256: v.pipe(v.string('must be text'), v.regex(/^[0-9a-f]{64}$/, 'must be SHA-256')),
      }),
    }),
  ),
});

/** A statement in an envelope (DSSE) that has been signed. */
export interface SignedStatement {
  readonly payloadType: string;
  readonly payload: Uint8Array;
}

/**
 * Reads which image a statement says is signed; other statements about an image
 * (where it came from, what is in it) are no signatures of it.
 * @throws GantryError SIGNATURE_MALFORMED
 */
export function parseStatement({ payload, payloadType }: SignedStatement): SignedClaim {
  if (payloadType !== PAYLOAD_TYPE) throw malformedClaim(`it is "${payloadType}"`);
  const text = Buffer.from(payload).toString('utf8');
  const { predicateType, subject } = decodeJson(statement, text, {
    what: 'what is signed',
    code: 'SIGNATURE_MALFORMED',
  });
  demandSingleNames(text);
  if (predicateType !== COSIGN_SIGN_PREDICATE) {
    throw malformedClaim(`it is an attestation, "${predicateType}", and no signature`);
  }
  const [only, ...others] = subject;
  if (only === undefined || others.length > 0) {
    throw malformedClaim(`it is for ${subject.length} images, not for one`);
  }

  return {
    digest: `sha256:${only.digest.sha256}` as OciDigest,
    reference: only.name === '' ? undefined : only.name,
  };
}
