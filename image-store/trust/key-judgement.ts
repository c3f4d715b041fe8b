import { isGantryError } from '#base/errors/gantry-error';
import type { Key, SignaturePacket, Subkey } from 'openpgp';
import { hashName, isHashAccepted } from './body-digest.ts';
import { ANY_TIME, loadOpenPgp, MIN_RSA_BITS } from './openpgp.ts';
import {
  expiredKey,
  type NamedKey,
  notYetValidKey,
  revokedKey,
  unusableKey,
  weakKey,
} from './refusals.ts';

/** What a key says about its own time, ms since 1970; independent of the clock. */
export interface KeyLife {
  readonly created: number;
  /** Infinity for never; undefined when no valid self-signature or binding says anything. */
  readonly expires: number | undefined;
  readonly revoked: boolean;
  /** Why it was revoked, in its owner's words; empty when unknown. */
  readonly reason: string;
}

/** A primary key or one of its subkeys, with the certificate it belongs to. */
export interface Signer {
  readonly key: Key;
  /** The primary key itself, or the subkey. */
  readonly part: Key | Subkey;
}

/** The life of a primary key or of a subkey. A revocation counts whatever its date. */
export async function lifeOf(signer: Signer): Promise<KeyLife> {
  const { key, part } = signer;
  const { config } = await loadOpenPgp();
  const expires =
    part === key
      ? await key.getExpirationTime(undefined, config)
      : await (part as Subkey).getExpirationTime(ANY_TIME, config);
  const revoked = await isRevoked(signer);
  const reasons = part.revocationSignatures.map(
    ({ reasonForRevocationString }) => reasonForRevocationString ?? '',
  );

  return {
    created: part.getCreationTime().getTime(),
    expires: expires === null ? undefined : Number(expires),
    revoked,
    reason: revoked ? plainText(reasons.join(', ')) : '',
  };
}

async function isRevoked({ key, part }: Signer): Promise<boolean> {
  const { config } = await loadOpenPgp();
  const proven = await part.isRevoked(
    undefined as unknown as SignaturePacket,
    undefined as never,
    ANY_TIME,
    config,
  );
  // Those over a weak hash prove nothing, but are too likely to be meant to be passed over.
  const claimed = part.revocationSignatures.some(
    ({ hashAlgorithm, issuerKeyID }) =>
      issuerKeyID.equals(key.getKeyID()) && !isHashAccepted(hashAlgorithm ?? 0),
  );

  return proven || claimed;
}

/**
 * Demands of a key everything but the signature itself: it exists by now, is
 * strong, neither revoked nor expired, bound to its certificate, and for signing.
 * @throws GantryError KEY_NOT_YET_VALID, KEY_WEAK, KEY_REVOKED, KEY_EXPIRED, KEY_UNUSABLE
 */
export async function demandUsable(signer: Signer, now: number): Promise<void> {
  const { key, part } = signer;
  const { config } = await loadOpenPgp();

  await demandAlive({ key, part: key }, now);
  if (part !== key) await demandAlive(signer, now);

  const named = nameOf(part);
  const signing = await key
    .getSigningKey(part.getKeyID(), new Date(now), undefined, config)
    .catch((cause: unknown) => {
      throw unusableKey(named, 'it is not one that may sign', cause);
    });
  if (signing.getFingerprint() !== named.fingerprint) {
    throw unusableKey(named, 'another key of the same id stands before it');
  }
}

/**
 * Demands of a certificate that some key in it can make signatures that are accepted now.
 * @throws GantryError as `demandUsable`
 */
export async function demandSigner(key: Key, now: number): Promise<void> {
  await demandAlive({ key, part: key }, now);

  const signers = [key, ...key.subkeys].filter((part) =>
    SIGNING.has(part.getAlgorithmInfo().algorithm),
  );
  const refusals: unknown[] = [];
  for (const part of signers) {
    const refusal = await demandUsable({ key, part }, now).catch((error: unknown) => error);
    if (refusal === undefined) return;
    refusals.push(refusal);
  }

  const telling = refusals.find((refusal) => !isGantryError(refusal, 'KEY_UNUSABLE'));
  throw telling ?? unusableKey(nameOf(key), 'none of its keys may sign', refusals[0]);
}

/** Algorithms that make signatures, by the library's names. */
const SIGNING: ReadonlySet<string> = new Set([
  'rsaEncryptSign',
  'rsaSign',
  'dsa',
  'ecdsa',
  'eddsaLegacy',
  'ed25519',
  'ed448',
]);

async function demandAlive(signer: Signer, now: number): Promise<void> {
  const named = nameOf(signer.part);
  const life = await lifeOf(signer);

  const { curve } = signer.part.getAlgorithmInfo();
  // The library leaves them to a package that is not among its dependencies.
  if (curve?.startsWith('brainpool')) {
    throw unusableKey(named, `its curve ${curve} is not supported`);
  }
  if (life.created > now) throw notYetValidKey(named, new Date(life.created));
  const weakness = weaknessOf(signer.part);
  if (weakness !== undefined) throw weakKey(named, weakness);
  if (life.revoked) throw revokedKey(named, life.reason);
  if (life.expires === undefined) {
    const weak = ownSignatures(signer).find(
      ({ hashAlgorithm }) => !isHashAccepted(hashAlgorithm ?? 0),
    );
    if (weak === undefined) throw unusableKey(named, 'nothing in it is signed by its owner');
    throw weakKey(
      named,
      `vouched for by its owner over a ${hashName(weak.hashAlgorithm)} hash only`,
    );
  }
  if (life.expires <= now) throw expiredKey(named, new Date(life.expires));
}

/** What says that a primary key or subkey belongs to its certificate, good or not. */
function ownSignatures({ key, part }: Signer): readonly SignaturePacket[] {
  return part === key
    ? key.users.flatMap(({ selfCertifications }) => selfCertifications)
    : (part as Subkey).bindingSignatures;
}

/** What makes a key too weak to be trusted; undefined when nothing does. */
export function weaknessOf(part: Key | Subkey): string | undefined {
  const { algorithm, bits = 0, curve } = part.getAlgorithmInfo();
  switch (algorithm) {
    case 'rsaEncryptSign':
    case 'rsaSign':
    case 'rsaEncrypt':
      return bits < MIN_RSA_BITS ? `an RSA key of ${bits} bits` : undefined;
    case 'dsa':
      return `a DSA key of ${bits} bits`;
    case 'elgamal':
      return 'an ElGamal key';
    case 'ecdsa':
    case 'ecdh':
      return curve === 'secp256k1' ? 'a key on the curve secp256k1' : undefined;
    default:
      return undefined;
  }
}

/** A key or subkey as errors name it. */
export function nameOf(part: Key | Subkey): NamedKey {
  return { fingerprint: part.getFingerprint() };
}

/** Text out of a key without anything that moves a terminal's cursor or turns its writing direction. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\uFFFD').slice(0, 256);
}
