import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import type { Bundle, TransparencyLogEntry } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { type SignedEntity, toSignedEntity, VerificationError, Verifier } from '@sigstore/verify';
import { errorMessage } from '#base/errors/gantry-error';
import type { SignedClaim } from '../payload.ts';
import { type CertifiedIdentity, identityText } from '../policy.ts';
import { fingerprintOf, spkiOf } from '../public-key.ts';
import { readAnnotated } from './annotated.ts';
import { readBundled } from './bundled.ts';
import { type CertifiedSigner, certifiedSigner, demandIdentity } from './certificates.ts';
import { demandSameSigner } from './log-entry.ts';
import { type TrustedLogs, trustLogs } from './log-keys.ts';
import { invalidSignature, type SigstoreSignature } from './signature.ts';
import type { SignedBundle } from './signed-bundle.ts';

/** Whom a policy takes signatures from, its files read. */
export interface SigstoreTrust {
  /** Undefined when a certificate tells who signs. */
  readonly keys: readonly KeyObject[] | undefined;
  readonly certified: CertifiedTrust | undefined;
  /** Of transparency logs; undefined when none is asked. */
  readonly rekorKeys: readonly KeyObject[] | undefined;
  /** Milliseconds since 1970: when certificates must be valid where no log is asked when it was. */
  readonly now: number;
}

/** Whose certificates count, and who they must be for. */
export interface CertifiedTrust extends CertifiedIdentity {
  readonly authorities: readonly X509Certificate[];
  /** Of authorities below those. */
  readonly between: readonly X509Certificate[];
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
  if ('refusal' in given) throw given.refusal;
  const signed =
    'json' in given ? readBundled(given) : readAnnotated(given, trust.rekorKeys !== undefined);
  const signer = findSigner(signed, trust);

  return { ...signed.claim(), signer };
}

function findSigner(signed: SignedBundle, trust: SigstoreTrust): string {
  if (trust.certified !== undefined) return findCertified(signed, trust.certified, trust);

  return firstGood(trust.keys ?? [], (key) => {
    demandGood(signed, { key, certified: undefined, signedWith: spkiOf(key) }, trust);
    return `sha256:${fingerprintOf(key)}`;
  });
}

/** What the first gives that does not fail; where all do, the first failure is told. */
function firstGood<Item, Good>(items: readonly Item[], check: (item: Item) => Good): Good {
  const failures: unknown[] = [];
  for (const item of items) {
    try {
      return check(item);
    } catch (error) {
      failures.push(error);
    }
  }

  throw failures[0] ?? invalidSignature('there is nothing to check it by');
}

/** That come with a signature; those of Fulcio bring one. */
const MOST_BETWEEN = 4;

function findCertified(signed: SignedBundle, wanted: CertifiedTrust, trust: SigstoreTrust): string {
  const { certificate } = signed;
  if (certificate === undefined) throw invalidSignature('it has no certificate');
  const between = [...wanted.between, ...signed.between.slice(0, MOST_BETWEEN)];
  const certified = certifiedSigner(certificate, between, wanted.authorities);
  demandIdentity(certified, wanted);
  const { publicKey: key, raw: signedWith } = certificate;
  demandGood(signed, { key, certified, signedWith }, trust);

  return identityText(wanted);
}

interface Signer {
  readonly key: KeyObject;
  readonly certified: CertifiedSigner | undefined;
  /** DER of the key or certificate that a log must name. */
  readonly signedWith: Buffer;
}

/** Entries of logs that are looked at; one of them must be good. */
const MOST_ENTRIES = 8;

function demandGood(signed: SignedBundle, signer: Signer, { rekorKeys, now }: SigstoreTrust): void {
  if (rekorKeys === undefined) {
    if (signer.certified?.isValidAt(new Date(now)) === false) {
      throw invalidSignature('its certificate is not valid now');
    }
    verify(signed, signer, undefined);
    return;
  }
  const entries: readonly TransparencyLogEntry[] = signed.bundle.verificationMaterial.tlogEntries;
  if (entries.length === 0) throw invalidSignature('no transparency log has it');
  firstGood(entries.slice(0, MOST_ENTRIES), (entry) => {
    demandSameSigner(entry.canonicalizedBody, signer.signedWith);
    verify(signed, signer, trustLogs(entry, rekorKeys));
  });
}

function verify(
  { bundle, artifact }: SignedBundle,
  signer: Signer,
  log: TrustedLogs | undefined,
): void {
  const { key, certified } = signer;
  // A certificate is good for minutes only: something must tell that it was made then.
  if (log !== undefined && certified !== undefined) demandTime(log.entry, certified);
  const verifier = new Verifier(
    {
      certificateAuthorities: [],
      timestampAuthorities: [],
      ctlogs: [],
      tlogs: log?.tlogs ?? [],
      publicKey: () => ({ publicKey: key, validFor: () => true }),
    },
    {
      tlogThreshold: log === undefined ? 0 : 1,
      timestampThreshold: log === undefined || certified === undefined ? 0 : 1,
      ctlogThreshold: 0,
    },
  );
  try {
    const bytes = artifact === undefined ? undefined : Buffer.from(artifact);
    const entity = toSignedEntity(onlyWith(bundle, log?.entry), bytes);
    verifier.verify({ ...entity, signature: loggedAs(entity.signature, bundle) });
  } catch (cause) {
    throw invalidSignature(stateOf(cause), cause);
  }
}

/**
 * A log may have an envelope as the hash of what is signed of it, not of what is in it
 * (sigstore client specification); the library knows the latter only.
 */
function loggedAs(
  signature: SignedEntity['signature'],
  { content }: Bundle,
): SignedEntity['signature'] {
  if (content.$case !== 'dsseEnvelope') return signature;
  const { payloadType, payload } = content.dsseEnvelope;
  const signed = createHash('sha256').update(dsse.preAuthEncoding(payloadType, payload)).digest();

  return {
    signature: signature.signature,
    compareSignature: (other) => signature.compareSignature(other),
    compareDigest: (digest) => digest.equals(signed) || signature.compareDigest(digest),
    verifySignature: (key) => signature.verifySignature(key),
  };
}

/** What the log promises to have had at a time; that it did is checked with the rest. */
function demandTime(
  { inclusionPromise, integratedTime }: TransparencyLogEntry,
  by: CertifiedSigner,
): void {
  if (inclusionPromise === undefined) {
    throw invalidSignature(
      'no log promises when it was made, so nobody knows whether its certificate was valid then',
    );
  }
  const at = new Date(Number(integratedTime) * 1000);
  if (!by.isValidAt(at)) {
    const time = Number.isNaN(at.getTime()) ? integratedTime : at.toISOString();
    throw invalidSignature(`its certificate was not valid at ${time}, when it was logged`);
  }
}

/** Without what the policy names nobody to check by, and with the key of the signer, which is known by now. */
function onlyWith(bundle: Bundle, entry: TransparencyLogEntry | undefined): Bundle {
  return {
    ...bundle,
    verificationMaterial: {
      tlogEntries: entry === undefined ? [] : [entry],
      timestampVerificationData: undefined,
      content: { $case: 'publicKey', publicKey: { hint: '' } },
    },
  };
}

function stateOf(cause: unknown): string {
  const message = errorMessage(cause);
  if (!(cause instanceof VerificationError)) return 'it is damaged';
  switch (cause.code) {
    case 'TLOG_INCLUSION_PROMISE_ERROR':
      return 'the promise that a log has it is not by the log that the policy names';
    case 'TLOG_INCLUSION_PROOF_ERROR':
      return `the proof that a log has it does not hold: ${message}`;
    case 'TLOG_MISSING_INCLUSION_ERROR':
      return 'nothing proves that the log has it';
    case 'TLOG_BODY_ERROR':
      return `the log has something else: ${message}`;
    case 'SIGNATURE_ERROR':
      return 'it is by another key, or of something else';
    default:
      return message;
  }
}
