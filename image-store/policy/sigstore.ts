import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { bundleFromJSON } from '@sigstore/bundle';
import { toSignedEntity, type TrustMaterial, Verifier } from '@sigstore/verify';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { errorMessage, GantryError } from '#base/errors/gantry-error';
import { type CertifiedSigner, certifiedSigner, parseCertificates } from './certificates.ts';
import { parseClaim, type SignedClaim } from './payload.ts';
import { fingerprintOf, spkiOf } from './public-key.ts';

/** A signature as cosign keeps it beside an image: a blob, and annotations of it. */
export interface SigstoreSignature {
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

/** Whom a policy takes signatures from, its files read. */
export interface SigstoreTrust {
  /** Undefined when `fulcio` tells who signs. */
  readonly keys: readonly KeyObject[] | undefined;
  readonly fulcio:
    | {
        readonly authorities: readonly X509Certificate[];
        readonly oidcIssuer: string;
        readonly subjectEmail: string;
      }
    | undefined;
  /** Of transparency logs; undefined when none is asked. */
  readonly rekorKeys: readonly KeyObject[] | undefined;
}

/** A sigstore signature that is good. */
export interface GoodSigstoreSignature extends SignedClaim {
  /** `sha256:` and the fingerprint of the key, or who signed and who says so. */
  readonly signer: string;
}

/**
 * Checks a signature by what a policy trusts, without asking anybody.
 * @throws GantryError SIGNATURE_MALFORMED, SIGNATURE_INVALID, CERTIFICATE_INVALID, CERTIFICATE_UNTRUSTED
 */
export function verifySigstoreSignature(
  given: SigstoreSignature,
  trust: SigstoreTrust,
): GoodSigstoreSignature {
  const signer = findSigner(given, trust);
  const claim = parseClaim(given.payload, 'cosign container image signature');

  return { ...claim, signer };
}

function findSigner(given: SigstoreSignature, trust: SigstoreTrust): string {
  const entry = trust.rekorKeys === undefined ? undefined : readLogEntry(given);
  if (trust.fulcio !== undefined) return findCertified(given, trust.fulcio, { entry, trust });

  const failures: unknown[] = [];
  for (const key of trust.keys ?? []) {
    try {
      demandGood(given, { key, isValidAt: () => true, signedWith: spkiOf(key) }, { entry, trust });
      return `sha256:${fingerprintOf(key)}`;
    } catch (error) {
      failures.push(error);
    }
  }

  throw failures[0] ?? invalidSignature('the policy names no key');
}

function findCertified(
  given: SigstoreSignature,
  fulcio: NonNullable<SigstoreTrust['fulcio']>,
  log: Log,
): string {
  if (given.certificate === undefined) throw invalidSignature('it has no certificate');
  const what = 'the certificate of the signer';
  const [certificate] = parseCertificates(given.certificate, what);
  if (certificate === undefined) throw invalidSignature('it has no certificate');
  const between = given.chain === undefined ? [] : parseCertificates(given.chain, what);
  const certified = certifiedSigner(certificate, between, fulcio.authorities);
  demandIdentity(certified, fulcio);
  demandGood(
    given,
    {
      key: certificate.publicKey,
      isValidAt: certified.isValidAt,
      signedWith: certificate.raw,
    },
    log,
  );

  return `${fulcio.subjectEmail} (${fulcio.oidcIssuer})`;
}

/** To the letter: the library takes the names for patterns. */
function demandIdentity(
  { subject, issuer }: CertifiedSigner,
  { subjectEmail, oidcIssuer }: NonNullable<SigstoreTrust['fulcio']>,
): void {
  if (issuer !== oidcIssuer) {
    throw invalidSignature(`its signer is known to ${issuer ?? 'nobody'}, not to ${oidcIssuer}`);
  }
  if (subject !== subjectEmail) {
    throw invalidSignature(`it is by ${subject ?? 'nobody'}, not by ${subjectEmail}`);
  }
}

/** An entry of a transparency log, as cosign keeps it. */
interface LogEntry {
  readonly SignedEntryTimestamp: string;
  readonly Payload: {
    readonly body: string;
    /** Seconds since 1970. */
    readonly integratedTime: number;
    readonly logIndex: number;
    /** Hexadecimal. */
    readonly logID: string;
  };
}

interface Log {
  readonly entry: LogEntry | undefined;
  readonly trust: SigstoreTrust;
}

const base64 = v.pipe(v.string('must be text'), v.base64('must be base64'));
const count = v.pipe(v.number('must be a number'), v.safeInteger(), v.minValue(0));

const logEntry: v.GenericSchema<unknown, LogEntry> = v.object({
  SignedEntryTimestamp: base64,
  Payload: v.object({
    body: base64,
    integratedTime: count,
    logIndex: count,
    logID: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits')),
  }),
});

const entryBody = v.object({
  apiVersion: v.string(),
  kind: v.literal('hashedrekord'),
  spec: v.object({ signature: v.object({ publicKey: v.object({ content: base64 }) }) }),
});

function readLogEntry({ bundle }: SigstoreSignature): LogEntry {
  if (bundle === undefined) throw invalidSignature('no transparency log has it');

  return decodeJson(logEntry, bundle, { what: 'what the log says', code: 'SIGNATURE_MALFORMED' });
}

interface Signer {
  readonly key: KeyObject;
  readonly isValidAt: (date: Date) => boolean;
  /** DER of the key or certificate that the log must name. */
  readonly signedWith: Buffer;
}

function demandGood(given: SigstoreSignature, signer: Signer, { entry, trust }: Log): void {
  const version = entry === undefined ? undefined : demandSameSigner(entry, signer);
  const asked = entry === undefined ? 0 : 1;
  const material: TrustMaterial = {
    certificateAuthorities: [],
    timestampAuthorities: [],
    ctlogs: [],
    tlogs: (trust.rekorKeys ?? []).map((publicKey) => ({
      logID: Buffer.from(fingerprintOf(publicKey), 'hex'),
      baseURL: '',
      publicKey,
      validFor: ALWAYS,
    })),
    publicKey: () => ({ publicKey: signer.key, validFor: signer.isValidAt }),
  };
  const verifier = new Verifier(material, {
    tlogThreshold: asked,
    timestampThreshold: asked,
    ctlogThreshold: 0,
  });
  try {
    const bundle = bundleFromJSON(bundleOf(given, entry, version));
    verifier.verify(toSignedEntity(bundle, Buffer.from(given.payload)));
  } catch (cause) {
    throw invalidSignature(errorMessage(cause), cause);
  }
}

const ALWAYS = { start: new Date(0), end: new Date(8.64e15) };

/** A log has the signature of whoever signed, not only the same bytes. @returns the version of the entry */
function demandSameSigner({ Payload }: LogEntry, { signedWith }: Signer): string {
  const body = decodeJson(entryBody, Buffer.from(Payload.body, 'base64').toString('utf8'), {
    what: 'the entry of the log',
    code: 'SIGNATURE_MALFORMED',
  });
  const pem = Buffer.from(body.spec.signature.publicKey.content, 'base64').toString('utf8');
  if (!derOf(pem).equals(signedWith)) {
    throw invalidSignature('the log has it from somebody else');
  }

  return body.apiVersion;
}

function derOf(pem: string): Buffer {
  try {
    return pem.includes('CERTIFICATE')
      ? new X509Certificate(pem).raw
      : spkiOf(createPublicKey(pem));
  } catch (cause) {
    throw invalidSignature('the log does not say whose it is', cause);
  }
}

/** The form in which the library takes it: sigstore's bundle, version 0.1. */
function bundleOf(
  { payload, signature }: SigstoreSignature,
  entry: LogEntry | undefined,
  version = '',
): unknown {
  const tlogEntries =
    entry === undefined
      ? []
      : [
          {
            logIndex: String(entry.Payload.logIndex),
            logId: { keyId: Buffer.from(entry.Payload.logID, 'hex').toString('base64') },
            kindVersion: { kind: 'hashedrekord', version },
            integratedTime: String(entry.Payload.integratedTime),
            inclusionPromise: { signedEntryTimestamp: entry.SignedEntryTimestamp },
            canonicalizedBody: entry.Payload.body,
          },
        ];

  return {
    mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
    verificationMaterial: { publicKey: { hint: '' }, tlogEntries },
    messageSignature: {
      messageDigest: {
        algorithm: 'SHA2_256',
        digest: createHash('sha256').update(payload).digest('base64'),
      },
      signature,
    },
  };
}

function invalidSignature(state: string, cause?: unknown): GantryError {
  return new GantryError('SIGNATURE_INVALID', `the signature is not good: ${state}`, { cause });
}
