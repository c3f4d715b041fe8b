import { createHash, createPublicKey, sign, X509Certificate } from 'node:crypto';
import { promiseOf, type SigstoreKey } from './sigstore.ts';

/** How a bundle is made: without options of an in-toto statement, as cosign writes it, and not logged. */
export interface BundleRequest {
  readonly signer: SigstoreKey & { readonly certificate?: string };
  /** Of the image. */
  readonly digest: string;
  /** Changes to the statement. */
  readonly statement?: Readonly<Record<string, unknown>>;
  /** Signed as it is, instead of a statement. */
  readonly manifest?: Uint8Array;
  readonly log?: LogWish;
}

export interface LogWish {
  readonly key: SigstoreKey;
  readonly at?: Date;
  /** Unless told, it both promises and proves. */
  readonly promises?: boolean;
  readonly proves?: boolean;
  /** PEM of whom it has it from, when that is not the signer. */
  readonly from?: string;
  /** Whether it has an envelope as the hash of the bytes that are signed of it. */
  readonly asBytes?: boolean;
  /** The second generation of Rekor, which signs with Ed25519, and promises nothing. */
  readonly generation?: 1 | 2;
}

/** Where a bundle says so. */
export interface TestBundle {
  mediaType: string;
  verificationMaterial: {
    tlogEntries: { inclusionPromise?: unknown; inclusionProof?: { hashes: string[] } }[];
    certificate?: { rawBytes: string };
    publicKey?: { hint: string };
  };
  dsseEnvelope?: { payload: string; payloadType: string; signatures: { sig: string }[] };
  messageSignature?: { messageDigest: { digest: string }; signature: string };
}

export const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const STATEMENT_TYPE = 'application/vnd.in-toto+json';

/** Makes one of version 0.3: protobuf-specs, sigstore_bundle.proto. */
export function makeBundle(request: BundleRequest): TestBundle {
  const { signer, log } = request;
  const signed = request.manifest === undefined ? envelope(request) : message(request);
  const { certificate } = signer;

  return {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: {
      tlogEntries: log === undefined ? [] : [logEntry(log, signed, certificate ?? signer.pem)],
      ...(certificate === undefined
        ? { publicKey: { hint: 'any' } }
        : { certificate: { rawBytes: derText(certificate) } }),
    },
    ...signed.content,
  };
}

interface Signed {
  readonly content: Pick<TestBundle, 'dsseEnvelope' | 'messageSignature'>;
  readonly kind: 'dsse' | 'hashedrekord';
  /** SHA-256 of what the log is told of. */
  readonly hash: Buffer;
  /** SHA-256 of the bytes that are signed. */
  readonly signedHash: Buffer;
  /** Base64. */
  readonly signature: string;
}

function envelope({ signer, digest, statement }: BundleRequest): Signed {
  const payload = Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: digest.replace('sha256:', '') }, annotations: {} }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
      ...statement,
    }),
  );
  // DSSE, "Signature definition".
  const head = `DSSEv1 ${STATEMENT_TYPE.length} ${STATEMENT_TYPE} ${payload.length} `;
  const signed = Buffer.concat([Buffer.from(head), payload]);
  const sig = sign('sha256', signed, signer.privateKey);
  const signature = sig.toString('base64');

  return {
    content: {
      dsseEnvelope: {
        payload: payload.toString('base64'),
        payloadType: STATEMENT_TYPE,
        signatures: [{ sig: signature }],
      },
    },
    kind: 'dsse',
    hash: sha256(payload),
    signedHash: sha256(signed),
    signature,
  };
}

function message({ signer, manifest = Buffer.alloc(0) }: BundleRequest): Signed {
  const signature = sign('sha256', manifest, signer.privateKey).toString('base64');
  const hash = sha256(manifest);
  const messageDigest = { algorithm: 'SHA2_256', digest: hash.toString('base64') };

  return {
    content: { messageSignature: { messageDigest, signature } },
    kind: 'hashedrekord',
    hash,
    signedHash: hash,
    signature,
  };
}

function logEntry(log: LogWish, signed: Signed, signedWith: string): object {
  const { signature } = signed;
  const [kind, hash] =
    log.asBytes === true
      ? (['hashedrekord', signed.signedHash] as const)
      : ([signed.kind, signed.hash] as const);
  const { key, at = new Date(), generation = 1, promises = generation === 1, proves = true } = log;
  const from = log.from ?? signedWith;
  const version = `0.0.${generation}`;
  const spec =
    generation === 1
      ? first({ kind, hash, signature, from })
      : second({ kind, hash, signature, from });
  const body = Buffer.from(JSON.stringify({ apiVersion: version, kind, spec }));
  const promise = promiseOf(key, { body: body.toString('base64'), at });

  return {
    logIndex: String(promise.entry.logIndex),
    logId: { keyId: Buffer.from(promise.entry.logID, 'hex').toString('base64') },
    kindVersion: { kind, version },
    integratedTime: generation === 1 ? String(promise.entry.integratedTime) : '0',
    ...(promises ? { inclusionPromise: { signedEntryTimestamp: promise.signature } } : {}),
    ...(proves ? { inclusionProof: inclusionProof(key, body, generation) } : {}),
    canonicalizedBody: body.toString('base64'),
  };
}

interface Spec extends Pick<Signed, 'kind' | 'hash' | 'signature'> {
  /** PEM. */
  readonly from: string;
}

function first({ kind, hash, signature, from }: Spec): object {
  const verifier = Buffer.from(from).toString('base64');
  const value = { algorithm: 'sha256', value: hash.toString('hex') };

  return kind === 'dsse'
    ? { payloadHash: value, signatures: [{ signature, verifier }] }
    : {
        data: { hash: value },
        signature: { content: signature, publicKey: { content: verifier } },
      };
}

function second({ kind, hash, signature, from }: Spec): object {
  const rawBytes = derText(from);
  const verifier = from.includes('CERTIFICATE')
    ? { x509Certificate: { rawBytes } }
    : { publicKey: { rawBytes } };
  const digest = { algorithm: 'SHA2_256', digest: hash.toString('base64') };

  return kind === 'dsse'
    ? { dsseV002: { payloadHash: digest, signatures: [{ content: signature, verifier }] } }
    : { hashedRekordV002: { data: digest, signature: { content: signature, verifier } } };
}

const ORIGIN = 'log.example.com';

/** Of an entry that is the second of three; RFC 6962, section 2.1. */
function inclusionProof(key: SigstoreKey, body: Buffer, generation: 1 | 2): object {
  const leaf = (bytes: Buffer): Buffer => sha256(Buffer.concat([Buffer.from([0]), bytes]));
  const node = (...two: readonly Buffer[]): Buffer =>
    sha256(Buffer.concat([Buffer.from([1]), ...two]));
  const [before, after] = [leaf(Buffer.from('before')), leaf(Buffer.from('after'))];
  const root = node(node(before, leaf(body)), after).toString('base64');
  const note = `${ORIGIN}${generation === 1 ? ' - 42' : ''}\n3\n${root}\n`;
  const algorithm = generation === 1 ? 'sha256' : undefined;
  const hint =
    generation === 1
      ? sha256(spki(key))
      : sha256(Buffer.concat([Buffer.from(`${ORIGIN}\n\u0001`), spki(key).subarray(12)]));
  const signature = Buffer.concat([
    hint.subarray(0, 4),
    sign(algorithm, Buffer.from(note), key.privateKey),
  ]).toString('base64');

  return {
    logIndex: '1',
    treeSize: '3',
    rootHash: root,
    hashes: [before, after].map((hash) => hash.toString('base64')),
    checkpoint: { envelope: `${note}\n\u2014 ${ORIGIN} ${signature}\n` },
  };
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const spki = ({ pem }: SigstoreKey): Buffer =>
  createPublicKey(pem).export({ type: 'spki', format: 'der' });

/** Base64. */
function derText(pem: string): string {
  const der = pem.includes('CERTIFICATE')
    ? new X509Certificate(pem).raw
    : createPublicKey(pem).export({ type: 'spki', format: 'der' });

  return der.toString('base64');
}
