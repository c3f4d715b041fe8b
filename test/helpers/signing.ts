import { createReadStream, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import * as openpgp from 'openpgp';

/** What a signing key is made as; without options a good key of today. */
export interface SigningKeyRequest {
  /** The user id: `Somebody <somebody@example.com>` or just a name. */
  readonly name: string;
  readonly kind?: keyof typeof ALGORITHMS | undefined;
  /** Of the key format, 4 unless told. */
  readonly version?: 4 | 6 | undefined;
  /** When the key is made, an hour ago unless told. */
  readonly created?: Date | undefined;
  /** How long the key lives after that, for ever unless told. */
  readonly lifetimeSeconds?: number | undefined;
  /** A subkey that signs in place of the primary key. */
  readonly subkey?: SubkeyRequest | undefined;
  /** Revokes the whole key after it is made. */
  readonly revoked?: RevocationReason | undefined;
}

export interface SubkeyRequest {
  readonly lifetimeSeconds?: number | undefined;
}

export type RevocationReason = 'compromised' | 'superseded';

/** How one signature is made; without options a good one of now. */
export interface SignRequest {
  /** Armored unless told. */
  readonly armored?: boolean | undefined;
  /** The time it says it was made, a minute ago unless told. */
  readonly at?: Date | undefined;
}

/** A key that signs for a test; needs no program, no folder and no cleaning up. */
export interface SigningKey {
  /** Of the primary key, lower-case hexadecimal. */
  readonly fingerprint: string;
  /** Of what signs: the subkey when there is one. */
  readonly signerFingerprint: string;
  readonly publicKeyArmored: string;
  readonly publicKey: openpgp.PublicKey;
  readonly privateKey: openpgp.PrivateKey;
  sign(body: Uint8Array, request?: SignRequest): Promise<Uint8Array>;
  /** Signs bytes that go into the signature: what simple signing calls a signature. */
  signMessage(body: Uint8Array): Promise<Uint8Array>;
  /** Signs a file of any size and writes the detached signature to `out`. */
  signDetached(file: string, out: string, request?: SignRequest): Promise<void>;
}

/** Makes a signing key with the OpenPGP library. */
export async function makeSigningKey(request: SigningKeyRequest): Promise<SigningKey> {
  const subkeys =
    request.subkey === undefined
      ? []
      : [{ sign: true, keyExpirationTime: request.subkey.lifetimeSeconds ?? 0 }];
  const { privateKey } = await openpgp.generateKey({
    ...ALGORITHMS[request.kind ?? 'ed25519'],
    userIDs: [userIdOf(request.name)],
    date: request.created ?? new Date(Date.now() - 3_600_000),
    keyExpirationTime: request.lifetimeSeconds ?? 0,
    subkeys,
    format: 'object',
    config: { ...LENIENT, v6Keys: request.version === 6 },
  });

  return signingKeyOf(privateKey, request.revoked);
}

/** Makes a signing key of a private key of the library; once revoked it goes on signing as if nothing were. */
export async function signingKeyOf(
  privateKey: openpgp.PrivateKey,
  revoked?: RevocationReason,
): Promise<SigningKey> {
  const signer = (privateKey.subkeys[0] ?? privateKey).getFingerprint();
  const publicKey =
    revoked === undefined ? privateKey.toPublic() : await revoke(privateKey, revoked);

  return {
    fingerprint: publicKey.getFingerprint(),
    signerFingerprint: signer,
    publicKeyArmored: publicKey.armor(),
    publicKey,
    privateKey,
    sign: async (body, request) => await signWith(privateKey, body, request),
    signMessage: async (binary) =>
      (await openpgp.sign({
        message: await openpgp.createMessage({ binary }),
        signingKeys: privateKey,
        format: 'binary',
        date: new Date(Date.now() - 60_000),
      })) as Uint8Array,
    async signDetached(file, out, request) {
      writeFileSync(out, await signWith(privateKey, createReadStream(file), request));
    },
  };
}

/** Everything goes: tests make what the product refuses. */
const LENIENT = {
  minRSABits: 512,
  rejectHashAlgorithms: new Set<openpgp.enums.hash>(),
  rejectMessageHashAlgorithms: new Set<openpgp.enums.hash>(),
  rejectPublicKeyAlgorithms: new Set<openpgp.enums.publicKey>(),
} satisfies openpgp.PartialConfig;

const ALGORITHMS = {
  ed25519: { type: 'ecc', curve: 'ed25519Legacy' },
  'new-ed25519': { type: 'curve25519' },
  ed448: { type: 'curve448' },
  p256: { type: 'ecc', curve: 'nistP256' },
  secp256k1: { type: 'ecc', curve: 'secp256k1' },
  rsa1024: { type: 'rsa', rsaBits: 1024 },
  rsa2048: { type: 'rsa', rsaBits: 2048 },
} as const satisfies Readonly<
  Record<string, Pick<openpgp.KeyOptions, 'type' | 'curve' | 'rsaBits'>>
>;

async function signWith(
  signingKeys: openpgp.PrivateKey,
  body: Uint8Array | Readable,
  { armored = true, at = new Date(Date.now() - 60_000) }: SignRequest = {},
): Promise<Uint8Array> {
  // The types of the library know the streams of browsers only.
  const binary = (body instanceof Readable ? Readable.toWeb(body) : body) as Uint8Array;
  const written = await openpgp.sign({
    message: await openpgp.createMessage({ binary }),
    signingKeys,
    detached: true,
    format: 'binary',
    date: at,
    config: LENIENT,
  });
  const chunks: Uint8Array[] = [];
  if (written instanceof Uint8Array) chunks.push(written);
  else for await (const chunk of written as AsyncIterable<Uint8Array>) chunks.push(chunk);
  const binarySignature = new Uint8Array(Buffer.concat(chunks));
  if (!armored) return binarySignature;

  const signature = await openpgp.readSignature({ binarySignature, config: LENIENT });
  return Buffer.from(signature.armor());
}

async function revoke(
  key: openpgp.PrivateKey,
  reason: RevocationReason,
): Promise<openpgp.PublicKey> {
  const { keyCompromised, keySuperseded } = openpgp.enums.reasonForRevocation;
  const flag = reason === 'compromised' ? keyCompromised : keySuperseded;
  const { publicKey } = await openpgp.revokeKey({
    key,
    reasonForRevocation: { flag, string: reason },
    format: 'object',
    config: LENIENT,
  });

  return publicKey;
}

function userIdOf(text: string): openpgp.UserID {
  const [, name = text, email] = /^(.*?)\s*<(.*)>$/.exec(text) ?? [];

  return email === undefined ? { name } : { name, email };
}
