import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { GantryError } from '#base/errors/gantry-error';

/** The key in a PEM text. @param what named in errors @throws GantryError KEY_FILE_INVALID */
export function parsePublicKey(pem: Uint8Array, what: string): KeyObject {
  try {
    return createPublicKey(Buffer.from(pem));
  } catch (cause) {
    throw new GantryError(
      'KEY_FILE_INVALID',
      `cannot use the key in ${what}: it is no public key`,
      { cause },
    );
  }
}

/** A key as DER, SubjectPublicKeyInfo of RFC 5280. */
export const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' });

/** SHA-256 of a key as DER, lower-case hexadecimal. */
export const fingerprintOf = (key: KeyObject): string =>
  createHash('sha256').update(spkiOf(key)).digest('hex');

/** The fingerprint of the key in a PEM text. @throws GantryError KEY_FILE_INVALID */
export const publicKeyFingerprint = (pem: Uint8Array, what: string): string =>
  fingerprintOf(parsePublicKey(pem, what));
