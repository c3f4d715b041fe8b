import { createPublicKey, X509Certificate } from 'node:crypto';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { spkiOf } from '../public-key.ts';
import { invalidSignature } from './signature.ts';

// What a Rekor keeps, as rekor/pkg/types and protobuf-specs/protos/rekor describe it:
// version 0.0.1 of its first generation, 0.0.2 of its second.

const base64 = v.pipe(v.string('must be text'), v.base64('must be base64'));
const pem = v.pipe(
  base64,
  v.transform((text) => derOf(Buffer.from(text, 'base64').toString())),
);
const der = v.pipe(v.object({ rawBytes: base64 }), v.transform(bytesOf));
const verifier = v.pipe(
  v.object({ publicKey: v.optional(der), x509Certificate: v.optional(der) }),
  v.transform(({ publicKey, x509Certificate }) => x509Certificate ?? publicKey),
);

const ENTRIES = {
  'hashedrekord 0.0.1': v.pipe(
    v.object({ signature: v.object({ publicKey: v.object({ content: pem }) }) }),
    v.transform(({ signature }) => [signature.publicKey.content]),
  ),
  'hashedrekord 0.0.2': v.pipe(
    v.object({ hashedRekordV002: v.object({ signature: v.object({ verifier }) }) }),
    v.transform(({ hashedRekordV002 }) => [hashedRekordV002.signature.verifier]),
  ),
  'dsse 0.0.1': v.pipe(
    v.object({ signatures: v.array(v.object({ verifier: pem })) }),
    v.transform(({ signatures }) => signatures.map((each) => each.verifier)),
  ),
  'dsse 0.0.2': v.pipe(
    v.object({ dsseV002: v.object({ signatures: v.array(v.object({ verifier })) }) }),
    v.transform(({ dsseV002 }) => dsseV002.signatures.map((each) => each.verifier)),
  ),
} as const;

type EntryKind = keyof typeof ENTRIES;

const anyEntry = v.object({ apiVersion: v.string(), kind: v.string(), spec: v.unknown() });
type AnyEntry = v.InferOutput<typeof anyEntry>;

/** What an entry of a log calls itself. @throws GantryError SIGNATURE_MALFORMED */
export function entryVersion(body: Uint8Array): {
  readonly kind: string;
  readonly version: string;
} {
  const { kind, apiVersion: version } = readEntry(body);

  return { kind, version };
}

/**
 * A log has the signature of whoever signed, not only the same bytes.
 * @param signedWith DER of the key or certificate of the signer
 * @throws GantryError SIGNATURE_INVALID, SIGNATURE_MALFORMED
 */
export function demandSameSigner(body: Uint8Array, signedWith: Buffer): void {
  const { kind, apiVersion, spec } = readEntry(body);
  const name = `${kind} ${apiVersion}`;
  if (!isKnown(name)) throw invalidSignature(`the log has it as "${name}", which is not known`);
  const signers = v.safeParse(ENTRIES[name], spec);
  if (!signers.success) throw invalidSignature('the log does not say whose it is');
  const [only, ...others] = signers.output;

  if (others.length > 0 || only?.equals(signedWith) !== true) {
    throw invalidSignature('the log has it from somebody else');
  }
}

const isKnown = (name: string): name is EntryKind => Object.hasOwn(ENTRIES, name);

const readEntry = (body: Uint8Array): AnyEntry =>
  decodeJson(anyEntry, Buffer.from(body).toString('utf8'), {
    what: 'the entry of the log',
    code: 'SIGNATURE_MALFORMED',
  });

function bytesOf({ rawBytes }: { readonly rawBytes: string }): Buffer {
  return Buffer.from(rawBytes, 'base64');
}

function derOf(text: string): Buffer {
  try {
    return text.includes('CERTIFICATE')
      ? new X509Certificate(text).raw
      : spkiOf(createPublicKey(text));
  } catch (cause) {
    throw invalidSignature('the log does not say whose it is', cause);
  }
}
