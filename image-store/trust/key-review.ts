import { isGantryError } from '#base/errors/gantry-error';
import type { Key, Subkey } from 'openpgp';
import { parseKeys } from './key-file.ts';
import { demandSigner, lifeOf, plainText } from './key-judgement.ts';
import { ANY_TIME, loadOpenPgp } from './openpgp.ts';
import type { TrustError } from './refusals.ts';

/** A primary key or subkey as one looks at it before trusting it. */
export interface KeyPartReview {
  /** 40 (version 4) or 64 (version 6) lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** `RSA 4096`, `Ed25519`, `ECDSA nistP256`, … */
  readonly type: string;
  /** Of an RSA or DSA modulus. */
  readonly bits?: number | undefined;
  /** ms since 1970. */
  readonly created: number;
  /** ms since 1970; undefined for never. */
  readonly expires?: number | undefined;
  readonly revoked: boolean;
}

/** A public key as one looks at it before trusting it. */
export interface KeyReview extends KeyPartReview {
  /** Of the key format. */
  readonly version: number;
  /** Those its owner has signed, made safe to print; may be none. */
  readonly userIds: readonly string[];
  readonly subkeys: readonly KeyPartReview[];
  /** Why signatures by this key would be refused now; undefined when they would not. */
  readonly problem?: TrustError | undefined;
  /** The key itself, armored. */
  readonly armored: string;
}

export interface ReviewOptions {
  /** Where the bytes come from, for errors: a path or URL. */
  readonly source: string;
  /** The present, ms since 1970; the system's clock unless told. */
  readonly now?: (() => number) | undefined;
}

/**
 * Reads public keys for review, armored or binary.
 * @throws GantryError KEY_FILE_INVALID
 */
export async function readPublicKeys(
  bytes: Uint8Array,
  { source, now = Date.now }: ReviewOptions,
): Promise<readonly KeyReview[]> {
  const keys = await parseKeys(bytes, `"${source}"`);
  const reviews: KeyReview[] = [];
  for (const key of keys) reviews.push(await reviewOf(key, now()));

  return reviews;
}

/** What there is to see of a key. */
async function reviewOf(key: Key, now: number): Promise<KeyReview> {
  const { config } = await loadOpenPgp();
  const subkeys: KeyPartReview[] = [];
  for (const part of key.subkeys) subkeys.push(await reviewPart(key, part));

  return {
    ...(await reviewPart(key, key)),
    version: key.keyPacket.version,
    userIds: await signedUserIds(key),
    subkeys,
    problem: await problemOf(key, now),
    armored: key.armor({ ...config, showComment: false, showVersion: false }),
  };
}

/** The key that was reviewed. */
export async function loadReviewed({ armored, fingerprint }: KeyReview): Promise<Key> {
  const [key] = await parseKeys(Buffer.from(armored), fingerprint);
  if (key === undefined) throw new Error('a reviewed key is no key');

  return key;
}

/** Another copy of a key taken over into one: a revocation in either is kept. */
export async function mergedReview(kept: Key, added: KeyReview, now: number): Promise<KeyReview> {
  const { config } = await loadOpenPgp();
  const merged = await reviewOf(
    await kept.update(await loadReviewed(added), ANY_TIME, config),
    now,
  );

  // The library does not take a revocation over that it cannot prove.
  return added.revoked && !merged.revoked ? added : merged;
}

async function reviewPart(key: Key, part: Key | Subkey): Promise<KeyPartReview> {
  const { created, expires = 0, revoked } = await lifeOf({ key, part });

  return {
    fingerprint: part.getFingerprint(),
    type: typeOf(part),
    bits: part.getAlgorithmInfo().bits,
    created,
    expires: expires === Infinity ? undefined : expires,
    revoked,
  };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  rsaEncryptSign: 'RSA',
  rsaEncrypt: 'RSA',
  rsaSign: 'RSA',
  dsa: 'DSA',
  elgamal: 'ElGamal',
  ecdsa: 'ECDSA',
  ecdh: 'ECDH',
  eddsaLegacy: 'EdDSA',
  ed25519: 'Ed25519',
  ed448: 'Ed448',
  x25519: 'X25519',
  x448: 'X448',
};

function typeOf(part: Key | Subkey): string {
  const { algorithm, bits, curve } = part.getAlgorithmInfo();
  if (curve === 'ed25519Legacy') return 'Ed25519';
  if (curve === 'curve25519Legacy') return 'X25519';

  return [TYPE_NAMES[algorithm] ?? algorithm, bits ?? curve].filter(Boolean).join(' ');
}

async function signedUserIds(key: Key): Promise<readonly string[]> {
  const { config } = await loadOpenPgp();
  const texts: string[] = [];
  for (const user of key.users) {
    if (user.userID === null) continue;
    const signed = await user.verify(ANY_TIME, config).catch(() => false);
    if (signed) texts.push(plainText(user.userID.userID));
  }

  return texts;
}

async function problemOf(key: Key, now: number): Promise<TrustError | undefined> {
  try {
    await demandSigner(key, now);
    return undefined;
  } catch (error) {
    if (isGantryError(error)) return error as TrustError;
    throw error;
  }
}
