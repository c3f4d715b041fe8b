import { X509Certificate } from 'node:crypto';
import {
  type Bundle,
  BUNDLE_V01_MEDIA_TYPE,
  BUNDLE_V02_MEDIA_TYPE,
  BUNDLE_V03_LEGACY_MEDIA_TYPE,
  BUNDLE_V03_MEDIA_TYPE,
  bundleFromJSON,
  ValidationError,
} from '@sigstore/bundle';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { errorMessage, GantryError } from '#base/errors/gantry-error';
import { digestAlgorithm } from '#schema/oci/digest';
import { digestOfBytes } from '#schema/oci/digest-bytes';
import type { SignedClaim } from '../payload.ts';
import { type BundledSignature, invalidSignature } from './signature.ts';
import type { SignedBundle } from './signed-bundle.ts';
import { parseStatement } from './statement.ts';

const KNOWN: readonly string[] = [
  BUNDLE_V03_MEDIA_TYPE,
  BUNDLE_V03_LEGACY_MEDIA_TYPE,
  BUNDLE_V02_MEDIA_TYPE,
  BUNDLE_V01_MEDIA_TYPE,
];

const anyBundle = v.looseObject({ mediaType: v.string('must be text') });

/**
 * Reads a bundle of sigstore, of any version up to 0.3: protobuf-specs, sigstore_bundle.proto.
 * @throws GantryError SIGNATURE_MALFORMED, SIGNATURE_INVALID
 */
export function readBundled({ json, manifest }: BundledSignature): SignedBundle {
  const bundle = parseBundle(json);
  const [certificate, ...between] = certificatesOf(bundle);
  const signed = bundle.content;

  return {
    bundle,
    artifact: signed.$case === 'messageSignature' ? manifest.bytes : undefined,
    certificate,
    between,
    claim:
      signed.$case === 'dsseEnvelope'
        ? () => parseStatement(signed.dsseEnvelope)
        : claimOfManifest(signed.messageSignature.messageDigest.digest, manifest),
  };
}

function parseBundle(json: Uint8Array): Bundle {
  const value = decodeJson(anyBundle, Buffer.from(json).toString('utf8'), {
    what: 'the bundle of the signature',
    code: 'SIGNATURE_MALFORMED',
  });
  if (!KNOWN.includes(value.mediaType)) {
    throw malformed(`its version is not known, ${JSON.stringify(value.mediaType)}`);
  }
  try {
    return bundleFromJSON(value);
  } catch (cause) {
    const lacking = cause instanceof ValidationError ? cause.fields : [];
    throw malformed(
      lacking.length > 0 ? `it lacks ${lacking.join(', ')}` : errorMessage(cause),
      cause,
    );
  }
}

function certificatesOf({ verificationMaterial }: Bundle): readonly X509Certificate[] {
  const { content } = verificationMaterial;
  if (content.$case === 'publicKey') return [];
  const all =
    content.$case === 'certificate'
      ? [content.certificate]
      : content.x509CertificateChain.certificates;
  try {
    return all.map(({ rawBytes }) => new X509Certificate(rawBytes));
  } catch (cause) {
    throw malformed('a certificate in it cannot be read', cause);
  }
}

/** Of a signature of the manifest itself, which names nothing. */
function claimOfManifest(
  signed: Uint8Array,
  { digest, bytes }: BundledSignature['manifest'],
): () => SignedClaim {
  const claimed = `sha256:${Buffer.from(signed).toString('hex')}`;
  if (claimed !== digestOfBytes(Buffer.from(bytes), 'sha256')) {
    throw invalidSignature(`it is for another image, ${claimed}`);
  }
  if (digest !== digestOfBytes(Buffer.from(bytes), digestAlgorithm(digest))) {
    throw invalidSignature('it is for another manifest');
  }

  return () => ({ digest, reference: undefined });
}

function malformed(state: string, cause?: unknown): GantryError {
  return new GantryError(
    'SIGNATURE_MALFORMED',
    `cannot use the bundle of the signature: ${state}`,
    {
      cause,
    },
  );
}
