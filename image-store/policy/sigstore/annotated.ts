import { createHash } from 'node:crypto';
import { type Bundle, BUNDLE_V01_MEDIA_TYPE, bundleFromJSON } from '@sigstore/bundle';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { errorMessage } from '#base/errors/gantry-error';
import { parseClaim } from '../payload.ts';
import { parseCertificates } from '../pem-certificates.ts';
import { entryVersion } from './log-entry.ts';
import { type AnnotatedSignature, invalidSignature } from './signature.ts';
import type { SignedBundle } from './signed-bundle.ts';

const base64 = v.pipe(v.string('must be text'), v.base64('must be base64'));
const count = v.pipe(v.number('must be a number'), v.safeInteger(), v.minValue(0));

/** An entry of a transparency log, as cosign keeps it. */
const logEntry = v.object({
  SignedEntryTimestamp: base64,
  Payload: v.object({
    body: base64,
    /** Seconds since 1970. */
    integratedTime: count,
    logIndex: count,
    logID: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')),
  }),
});

const WHAT = 'the certificate of the signer';

/**
 * Reads what cosign keeps in annotations.
 * @param wantsLog whether the log's word for it is looked at
 * @throws GantryError SIGNATURE_MALFORMED, SIGNATURE_INVALID, CERTIFICATE_INVALID
 */
export function readAnnotated(given: AnnotatedSignature, wantsLog: boolean): SignedBundle {
  const { payload, certificate, chain } = given;

  return {
    bundle: bundleOf(given, wantsLog),
    artifact: payload,
    certificate: certificate === undefined ? undefined : parseCertificates(certificate, WHAT)[0],
    between: chain === undefined ? [] : parseCertificates(chain, WHAT),
    claim: () => parseClaim(payload, 'cosign container image signature'),
  };
}

/** In the form of the libraries: sigstore's bundle, version 0.1. */
function bundleOf({ payload, signature, bundle }: AnnotatedSignature, wantsLog: boolean): Bundle {
  const digest = createHash('sha256').update(payload).digest('base64');
  const tlogEntries = wantsLog && bundle !== undefined ? [entryOf(bundle)] : [];
  try {
    return bundleFromJSON({
      mediaType: BUNDLE_V01_MEDIA_TYPE,
      verificationMaterial: { publicKey: { hint: '' }, tlogEntries },
      messageSignature: { messageDigest: { algorithm: 'SHA2_256', digest }, signature },
    });
  } catch (cause) {
    throw invalidSignature(errorMessage(cause), cause);
  }
}

function entryOf(json: string): unknown {
  const { Payload, SignedEntryTimestamp } = decodeJson(logEntry, json, {
    what: 'what the log says',
    code: 'SIGNATURE_MALFORMED',
  });

  return {
    logIndex: String(Payload.logIndex),
    logId: { keyId: Buffer.from(Payload.logID, 'hex').toString('base64') },
    kindVersion: entryVersion(Buffer.from(Payload.body, 'base64')),
    integratedTime: String(Payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: SignedEntryTimestamp },
    canonicalizedBody: Payload.body,
  };
}
