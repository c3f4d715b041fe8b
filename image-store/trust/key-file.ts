import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { errorMessage } from '#base/errors/gantry-error';
import type { Key, Subkey } from 'openpgp';
import { loadOpenPgp } from './openpgp.ts';
import { invalidKeyFile } from './refusals.ts';
import type { TrustedKey } from './trust-types.ts';

/** Well above the largest keys in circulation, those with years of third-party signatures. */
const MAX_KEY_BYTES = 4 * 1024 * 1024;

/** Keys in one file, at most. */
const MAX_KEYS = 64;

/** OpenSSL's own limit for RSA, OPENSSL_RSA_MAX_MODULUS_BITS. */
const MAX_BITS = 16384;

/** OpenSSL's own limit for large moduli, OPENSSL_RSA_MAX_PUBEXP_BITS. */
const MAX_RSA_EXPONENT_BYTES = 8;

/** Self-signatures, bindings and revocations of one key; each may be verified. */
const MAX_OWN_SIGNATURES = 500;

const ARMOR =
  /-----BEGIN PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----[^]*?-----END PGP (?:PUBLIC|PRIVATE) KEY BLOCK-----/g;

/**
 * Reads public keys, armored (one or several blocks, text around them ignored) or binary.
 * @param what named in errors: the path or URL they came from
 * @throws GantryError KEY_FILE_INVALID
 */
export async function parseKeys(bytes: Uint8Array, what: string): Promise<readonly Key[]> {
  if (bytes.length > MAX_KEY_BYTES) {
    throw invalidKeyFile(what, `larger than ${MAX_KEY_BYTES} bytes`);
  }
  const keys = await parse(bytes).catch((cause: unknown) => {
    throw invalidKeyFile(what, errorMessage(cause).replace(/\.$/, ''), cause);
  });

  if (keys.length === 0) throw invalidKeyFile(what, 'there is no key in it');
  if (keys.length > MAX_KEYS) throw invalidKeyFile(what, `more than ${MAX_KEYS} keys in it`);
  if (keys.some((key) => key.isPrivate())) {
    throw invalidKeyFile(what, 'it is a private key, which must not leave its owner');
  }
  if (keys.some((key) => key.keyPacket.version !== 4 && key.keyPacket.version !== 6)) {
    throw invalidKeyFile(what, 'neither version 4 nor version 6');
  }

  for (const key of keys) demandBearable(key, what);

  return keys;
}

/** Refuses what takes long enough to compute with to be an attack, before anything is computed. */
function demandBearable(key: Key, what: string): void {
  for (const part of [key, ...key.subkeys]) {
    const { bits = 0 } = part.getAlgorithmInfo();
    if (bits > MAX_BITS) throw invalidKeyFile(what, `a key of ${bits} bits in it`);
    if (exponentBytes(part) > MAX_RSA_EXPONENT_BYTES) {
      throw invalidKeyFile(what, 'an RSA key with an exponent out of all proportion in it');
    }
  }
  const ownSignatures = [
    ...key.users.map(({ selfCertifications }) => selfCertifications),
    ...[key, ...key.subkeys].map(({ revocationSignatures }) => revocationSignatures),
    ...key.subkeys.map(({ bindingSignatures }) => bindingSignatures),
  ].flat();
  if (ownSignatures.length > MAX_OWN_SIGNATURES) {
    throw invalidKeyFile(what, `more than ${MAX_OWN_SIGNATURES} signatures of its own in it`);
  }
}

function exponentBytes({ keyPacket }: Key | Subkey): number {
  const parameters: { e?: unknown } = keyPacket.publicParams ?? {};

  return parameters.e instanceof Uint8Array ? parameters.e.length : 0;
}

/**
 * Reads one key among the trusted ones.
 * @param content of its file, read now unless given
 * @throws GantryError KEY_FILE_INVALID when it is not the one key that its name says
 */
export async function loadTrustedKey(
  { path, fingerprint }: TrustedKey,
  content: Uint8Array = readKeyFile(path),
): Promise<Key> {
  const what = `"${path}"`;
  const [key, ...others] = await parseKeys(content, what);
  if (key === undefined || others.length > 0) {
    throw invalidKeyFile(what, 'it must hold one key, and holds several');
  }
  if (key.getFingerprint() !== fingerprint) {
    throw invalidKeyFile(
      what,
      `the file's name must be the key's fingerprint, which is ${key.getFingerprint()}`,
    );
  }

  return key;
}

/**
 * The bytes of a key file.
 * @throws GantryError KEY_FILE_INVALID when it cannot be read
 */
export function readKeyFile(path: string): Uint8Array {
  try {
    return readRegular(path);
  } catch (cause) {
    throw invalidKeyFile(`"${path}"`, errorMessage(cause), cause);
  }
}

/** Without O_NONBLOCK a FIFO would let us wait for ever. */
function readRegular(path: string): Uint8Array {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('not a regular file');
    if (stat.size > MAX_KEY_BYTES) throw new Error(`larger than ${MAX_KEY_BYTES} bytes`);

    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

async function parse(bytes: Uint8Array): Promise<readonly Key[]> {
  const { openpgp, config } = await loadOpenPgp();
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.includes('-----BEGIN PGP')) {
    return await openpgp.readKeys({ binaryKeys: new Uint8Array(bytes), config });
  }

  const keys: Key[] = [];
  for (const [armoredKeys] of text.matchAll(ARMOR)) {
    keys.push(...(await openpgp.readKeys({ armoredKeys, config })));
    if (keys.length > MAX_KEYS) break;
  }
  return keys;
}
