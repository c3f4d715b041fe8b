import { execFileSync } from 'node:child_process';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key that signs, and its public half as PEM. */
export interface SigstoreKey {
  readonly privateKey: KeyObject;
  readonly pem: string;
}

export function makeSigstoreKey(curve = 'P-256'): SigstoreKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: curve });

  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }) };
}

/** As the second generation of Rekor has one. */
export function makeEd25519Key(): SigstoreKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');

  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }) };
}

/** What cosign signs of an image. */
export function cosignPayload(digest: string, reference: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': reference },
        image: { 'docker-manifest-digest': digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
}

/** A signature of a payload, base64. */
export const cosign = (payload: Uint8Array, { privateKey }: SigstoreKey): string =>
  sign('sha256', payload, privateKey).toString('base64');

/** What is to be logged, and when. */
export interface LogRequest {
  readonly payload: Uint8Array;
  /** Base64. */
  readonly signature: string;
  /** PEM of the key or the certificate of the signer. */
  readonly signedWith: string;
  readonly at: Date;
}

/** What a Rekor answers, as cosign keeps it with a signature. */
export function logSignature(
  log: SigstoreKey,
  { payload, signature, signedWith, at }: LogRequest,
): string {
  const body = Buffer.from(
    JSON.stringify({
      apiVersion: '0.0.1',
      kind: 'hashedrekord',
      spec: {
        data: {
          hash: { algorithm: 'sha256', value: createHash('sha256').update(payload).digest('hex') },
        },
        signature: {
          content: signature,
          publicKey: { content: Buffer.from(signedWith).toString('base64') },
        },
      },
    }),
  ).toString('base64');
  const { entry, signature: promise } = promiseOf(log, { body, at });

  return JSON.stringify({ SignedEntryTimestamp: promise, Payload: entry });
}

/** What a log says of an entry, and when it had it. */
export interface LogPromise {
  readonly entry: {
    readonly body: string;
    /** Seconds since 1970. */
    readonly integratedTime: number;
    /** Hexadecimal. */
    readonly logID: string;
    readonly logIndex: number;
  };
  /** Base64. */
  readonly signature: string;
}

/** @param body base64 */
export function promiseOf(
  log: SigstoreKey,
  { body, at }: { readonly body: string; readonly at: Date },
): LogPromise {
  const der = createPublicKey(log.pem).export({ type: 'spki', format: 'der' });
  // In the order of RFC 8785.
  const entry = {
    body,
    integratedTime: Math.floor(at.getTime() / 1000),
    logID: createHash('sha256').update(der).digest('hex'),
    logIndex: 7,
  };
  const algorithm = log.privateKey.asymmetricKeyType === 'ed25519' ? undefined : 'sha256';
  const signature = sign(algorithm, Buffer.from(JSON.stringify(entry)), log.privateKey);

  return { entry, signature: signature.toString('base64') };
}

/** How a certificate is made; without options for ten minutes of now. */
export interface CertificateRequest {
  readonly email: string;
  /** Of the OpenID provider. */
  readonly issuer: string;
  /** Another name that the certificate is for. */
  readonly hostname?: string | undefined;
  /** Extended key usage, `codeSigning` unless told. */
  readonly usage?: string | undefined;
  /** Whether the provider is written as Fulcio does since its version 1.0. */
  readonly der?: boolean | undefined;
  /** Whether the root issues it, without an authority between. */
  readonly byRoot?: boolean | undefined;
}

/** An authority as Fulcio is one: a root, an authority below it, and short-lived certificates. */
export interface FulcioAuthority extends Disposable {
  /** PEM. */
  readonly root: string;
  readonly between: string;
  issue(request: CertificateRequest): SigstoreKey & { readonly certificate: string };
}

/** Makes one with openssl. */
export function openFulcio(): FulcioAuthority {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-fulcio-'));
  const path = (name: string): string => join(dir, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  };
  const authority = (name: string, lines: readonly string[], by: readonly string[]): string => {
    writeFileSync(path(`${name}.ext`), ['basicConstraints=critical,CA:true', ...lines].join('\n'));
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
    openssl(
      'req',
      '-new',
      '-key',
      `${name}.key`,
      '-subj',
      `/O=test/CN=${name}`,
      '-out',
      `${name}.csr`,
    );
    const signer = by.length > 0 ? by : ['-signkey', `${name}.key`];
    const out = ['-days', '30', '-extfile', `${name}.ext`, '-out', `${name}.pem`];
    openssl('x509', '-req', '-in', `${name}.csr`, ...signer, ...out);
    return readFileSync(path(`${name}.pem`), 'utf8');
  };
  const root = authority('root', [], []);
  const between = authority(
    'between',
    ['extendedKeyUsage=codeSigning'],
    ['-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial'],
  );

  return {
    root,
    between,
    issue({ email, issuer, hostname, usage = 'codeSigning', der = false, byRoot = false }) {
      const signer = byRoot ? 'root' : 'between';
      writeFileSync(
        path('leaf.ext'),
        [
          'keyUsage=critical,digitalSignature',
          `extendedKeyUsage=${usage}`,
          `subjectAltName=critical,email:${email}${hostname === undefined ? '' : `,DNS:${hostname}`}`,
          der
            ? `1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:${issuer}`
            : `1.3.6.1.4.1.57264.1.1=DER:${Buffer.from(issuer).toString('hex')}`,
        ].join('\n'),
      );
      openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'leaf.key');
      openssl('req', '-new', '-key', 'leaf.key', '-subj', '/', '-out', 'leaf.csr');
      const by = ['-CA', `${signer}.pem`, '-CAkey', `${signer}.key`, '-CAcreateserial'];
      openssl(
        'x509',
        '-req',
        '-in',
        'leaf.csr',
        ...by,
        '-days',
        '1',
        '-extfile',
        'leaf.ext',
        '-out',
        'leaf.pem',
      );
      const privateKey = createPrivateKey(readFileSync(path('leaf.key')));
      const pem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' });
      return { privateKey, pem, certificate: readFileSync(path('leaf.pem'), 'utf8') };
    },
    [Symbol.dispose]() {
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
