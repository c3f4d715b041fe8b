import type { Key } from 'openpgp';
import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import { parseKeys } from '../trust/key-file.ts';
import { demandUsable, type Signer } from '../trust/key-judgement.ts';
import { loadOpenPgp } from '../trust/openpgp.ts';
import { readKeySource } from './key-source.ts';
import { parseClaim, type SignedClaim } from './payload.ts';
import type { KeySource } from './policy.ts';

/** A simple signature that is good. */
export interface SimpleSignature extends SignedClaim {
  /** Of the primary key that it is by, lower-case hexadecimal. */
  readonly fingerprint: string;
}

/** More than any signature takes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The OpenPGP keys that a policy names. @throws GantryError KEY_FILE_INVALID, FILE_UNREADABLE */
export async function loadOpenPgpKeys(source: KeySource): Promise<readonly Key[]> {
  const keys: Key[] = [];
  for (const { bytes, place } of readKeySource(source)) {
    keys.push(...(await parseKeys(bytes, `in ${place}`)));
  }

  return keys;
}

/**
 * Checks a simple signature: an OpenPGP message that holds what is signed.
 * Nothing of that is looked at before the signature has been found good.
 * @param now milliseconds since 1970
 * @throws GantryError SIGNATURE_MALFORMED, SIGNATURE_INVALID, KEY_UNKNOWN, and of the key that it is by KEY_NOT_YET_VALID, KEY_WEAK, KEY_REVOKED, KEY_EXPIRED, KEY_UNUSABLE
 */
export async function verifySimpleSignature(
  signature: Uint8Array,
  keys: readonly Key[],
  now: number,
): Promise<SimpleSignature> {
  if (signature.length > MAX_BYTES) throw malformed(`it has more than ${MAX_BYTES} bytes`);
  const { openpgp, config: common } = await loadOpenPgp();
  const config = { ...common, maxDecompressedMessageSize: MAX_BYTES };
  const message = await openpgp
    .readMessage({ binaryMessage: signature, config })
    .catch((cause: unknown) => {
      throw malformed('it is no OpenPGP message', cause);
    });
  const { data, signatures } = await openpgp
    .verify({
      message,
      verificationKeys: [...keys],
      format: 'binary',
      date: new Date(now),
      expectSigned: false,
      config,
    })
    .catch((cause: unknown) => {
      throw malformed(errorMessage(cause), cause);
    });
  const [only, ...others] = signatures;
  if (only === undefined || others.length > 0) {
    throw malformed(`it is signed ${signatures.length} times, not once`);
  }

  const signer = findSigner(keys, only.keyID.toHex());
  await demandUsable(signer, now);
  await only.verified.catch((cause: unknown) => {
    if (isGantryError(cause)) throw cause;
    throw new GantryError(
      'SIGNATURE_INVALID',
      `the signature is not good: ${errorMessage(cause)}`,
      {
        cause,
      },
    );
  });

  return {
    ...parseClaim(data, 'atomic container signature'),
    fingerprint: signer.key.getFingerprint(),
  };
}

function findSigner(keys: readonly Key[], keyId: string): Signer {
  for (const key of keys) {
    const part = [key, ...key.subkeys].find((each) => each.getKeyID().toHex() === keyId);
    if (part !== undefined) return { key, part };
  }

  throw new GantryError(
    'KEY_UNKNOWN',
    `the signature is by the key ${keyId}, which is none of those in the policy`,
  );
}

function malformed(state: string, cause?: unknown): GantryError {
  return new GantryError('SIGNATURE_MALFORMED', `cannot read the signature: ${state}`, { cause });
}
