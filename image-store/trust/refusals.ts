import { GantryError } from '#base/errors/gantry-error';
import type { TrustRefusal } from './trust-types.ts';

/** An error of this room; the code says why something was refused. */
export type TrustError = GantryError<TrustRefusal>;

/** A key as errors name it. */
export interface NamedKey {
  readonly fingerprint: string;
  /** Where its file lies; undefined for a key not stored yet. */
  readonly path?: string | undefined;
}

const NEW_KEY = 'ask the publisher for the key that signs now, and trust it with "gantry trust"';
const NEW_SIGNATURE = 'ask the publisher to sign the image again';

/** Not an OpenPGP signature we can use. */
export function malformedSignature(why: string, cause?: unknown): TrustError {
  return new GantryError('SIGNATURE_MALFORMED', `cannot read the signature: ${why}`, {
    cause,
    hint: 'give the detached OpenPGP signature of the image, made with "gpg --detach-sign", armored or not',
  });
}

export function invalidSignature(key: NamedKey, why: string, cause?: unknown): TrustError {
  return new GantryError(
    'SIGNATURE_INVALID',
    `cannot accept the signature by key ${key.fingerprint}: ${why}`,
    {
      cause,
      hint: 'image and signature do not belong together, or one of them was changed: fetch both again from their publisher',
    },
  );
}

export function weakSignature(hash: string): TrustError {
  return new GantryError(
    'SIGNATURE_WEAK',
    `cannot accept the signature: it is made over a ${hash} hash, which can be forged`,
    { hint: `${NEW_SIGNATURE} with SHA-256 or SHA-512` },
  );
}

export function expiredSignature(key: NamedKey, at: Date): TrustError {
  return new GantryError(
    'SIGNATURE_EXPIRED',
    `cannot accept the signature by key ${key.fingerprint}: it expired on ${day(at)}`,
    { hint: NEW_SIGNATURE },
  );
}

export function futureSignature(key: NamedKey, at: Date): TrustError {
  return new GantryError(
    'SIGNATURE_FROM_FUTURE',
    `cannot accept the signature by key ${key.fingerprint}: it says it was made on ${day(at)}, which is yet to come`,
    { hint: `look at the clock of this host; if it is right, ${NEW_SIGNATURE}` },
  );
}

export function unknownKey(name: string, issuers: readonly string[], cause?: unknown): TrustError {
  const signers = issuers.length === 0 ? 'it does not say which' : issuers.join(', ');
  return new GantryError(
    'KEY_UNKNOWN',
    `cannot accept the signature of "${name}": made by a key that is not trusted: ${signers}`,
    {
      cause,
      hint: `look at the publisher's key and trust it with "gantry trust --prefix=${name} KEYFILE"`,
    },
  );
}

export function wrongScope(name: string, key: NamedKey, scopes: readonly string[]): TrustError {
  const trusted = scopes.map((scope) => `"${scope}"`).join(', ');
  return new GantryError(
    'KEY_WRONG_SCOPE',
    `cannot accept the signature of "${name}": key ${key.fingerprint} is trusted for ${trusted} only`,
    {
      hint: `if it may sign this image as well, say so with "gantry trust --prefix=${name} ${key.path ?? 'KEYFILE'}"`,
    },
  );
}

export function maskedKey(name: string, key: NamedKey, mask: string): TrustError {
  return new GantryError(
    'KEY_MASKED',
    `cannot accept the signature of "${name}": trust in key ${key.fingerprint} was taken back by "${mask}"`,
    { hint: 'remove that empty file to trust the key again' },
  );
}

export function expiredKey(key: NamedKey, at: Date): TrustError {
  return new GantryError(
    'KEY_EXPIRED',
    `cannot trust key ${key.fingerprint}: it expired on ${day(at)}`,
    { hint: `fetch the key again if its owner has extended it, or ${NEW_KEY}` },
  );
}

export function revokedKey(key: NamedKey, reason: string): TrustError {
  return new GantryError(
    'KEY_REVOKED',
    `cannot trust key ${key.fingerprint}: its owner has revoked it${reason === '' ? '' : ` (${reason})`}`,
    { hint: NEW_KEY },
  );
}

export function notYetValidKey(key: NamedKey, from: Date): TrustError {
  return new GantryError(
    'KEY_NOT_YET_VALID',
    `cannot trust key ${key.fingerprint}: it is valid from ${day(from)} on only`,
    { hint: 'look at the clock of this host; if it is right, so is the wait' },
  );
}

export function weakKey(key: NamedKey, kind: string): TrustError {
  return new GantryError(
    'KEY_WEAK',
    `cannot trust key ${key.fingerprint}: it is ${kind}, which is too weak`,
    {
      hint: 'ask the publisher to sign with an Ed25519 key or an RSA key of 3072 bits or more, made by a program of today',
    },
  );
}

export function unusableKey(key: NamedKey, why: string, cause?: unknown): TrustError {
  return new GantryError('KEY_UNUSABLE', `cannot use key ${key.fingerprint}: ${why}`, {
    cause,
    hint: NEW_KEY,
  });
}

export function invalidKeyFile(what: string, why: string, cause?: unknown): TrustError {
  return new GantryError('KEY_FILE_INVALID', `cannot read the public key ${what}: ${why}`, {
    cause,
    hint: 'give a public key as "gpg --armor --export" writes it',
  });
}

/** A date in errors; the library keeps whole seconds. */
function day(at: Date): string {
  return at.toISOString().replace('.000Z', 'Z');
}
