import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { startImageServer } from '../doubles/image-server.ts';
import { makeCertificates } from '../doubles/certificates.ts';
import { eventually } from './eventually.ts';
import {
  digestText,
  MANIFEST_TYPE,
  type TestDescriptor,
  type TestLayout,
  type WrittenImage,
} from './oci-layout.ts';

/** Who may do everything in a registry. */
export const REGISTRY_LOGIN = { user: 'me', password: 'secret' } as const;
/** bcrypt of the password. */
const HTPASSWD = 'me:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n';
const AUTH = Buffer.from(`${REGISTRY_LOGIN.user}:${REGISTRY_LOGIN.password}`).toString('base64');
const BASIC = `Basic ${AUTH}`;

/** What docker and podman write down of who one is for a registry. */
export const loginFile = (host: string): string =>
  JSON.stringify({ auths: { [host]: { auth: AUTH } } });

/** Says to a machine's configuration who one is for a registry. */
export function configureLogin(
  localConfig: string,
  host: string,
  password: string = REGISTRY_LOGIN.password,
): void {
  const document = {
    rktKind: 'dockerAuth',
    rktVersion: 'v1',
    registries: [host],
    credentials: { ...REGISTRY_LOGIN, password },
  };
  mkdirSync(join(localConfig, 'auth.d'), { recursive: true });
  writeFileSync(join(localConfig, 'auth.d', 'registry.json'), JSON.stringify(document));
}

/** The distribution's registry, with TLS, that asks who one is. */
export interface TestRegistry extends AsyncDisposable {
  /** `localhost:PORT`. */
  readonly host: string;
  /** PEM file to trust, for the server of tokens too. */
  readonly caFile: string;
  /** A certificate that it takes for that of a client, in PEM form. */
  readonly client: { readonly cert: Buffer; readonly key: Buffer };
  /** Pushes an image of a layout. @returns the digest of its manifest */
  push(place: PushPlace, image: WrittenImage, layout: TestLayout): Promise<string>;
  /** Where the registry keeps a blob. */
  blobPath(digest: string): string;
  /** Puts a manifest under a tag, its blobs first. */
  put(place: PushPlace, manifest: Buffer, blobs: readonly Buffer[]): Promise<void>;
}

export interface PushPlace {
  readonly repository: string;
  readonly tag: string;
  /** Media type of the manifest; that of an image's unless told. */
  readonly type?: string | undefined;
}

const BYTES = 'application/octet-stream';

/** How a registry wants to be proven who one is. */
export type RegistryKind = 'basic' | 'token' | 'certificate';

/** Starts one. */
export async function startRegistry(kind: RegistryKind): Promise<TestRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'gantry-registry-'));
  const certificates = makeCertificates(['localhost']);
  const tokens = kind === 'token' ? await startImageServer() : undefined;
  const port = await freePort();
  const host = `localhost:${port}`;
  const write = (name: string, content: string | Buffer): string => {
    writeFileSync(join(dir, name), content);
    return join(dir, name);
  };
  const [key, cert] = [write('key', certificates.key), write('cert', certificates.cert)];
  const auth = {
    basic: { htpasswd: { realm: 'test', path: write('htpasswd', HTPASSWD) } },
    token: {
      token: {
        realm: `${tokens?.origin}/token`,
        service: 'test',
        issuer: 'test',
        rootcertbundle: certificates.caFile,
      },
    },
    certificate: undefined,
  }[kind];
  const clientcas = kind === 'certificate' ? [certificates.caFile] : [];
  const config = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(dir, 'data') } },
    http: { addr: `127.0.0.1:${port}`, tls: { certificate: cert, key, clientcas } },
    auth,
  };
  const program = nodeExec.stream({
    argv: ['docker-registry', 'serve', write('config.yml', JSON.stringify(config))],
    env: { PATH: '/usr/bin:/bin' },
  });
  program.stdout.resume();
  const issue = tokenIssuer(certificates);
  tokens?.on('/token', (asked, response) => {
    const isKnown = asked.headers.authorization === BASIC;
    const body = JSON.stringify({ token: issue(accessAsked(asked.url ?? '')) });
    response.writeHead(isKnown ? 200 : 401).end(isKnown ? body : '');
  });
  await eventually('the registry', async () => await answers(port));

  const client = { cert: certificates.cert, key: certificates.key };
  const authorities = [certificates, ...(tokens === undefined ? [] : [tokens])].map(({ caFile }) =>
    readFileSync(caFile),
  );
  const agent = new Agent({ ca: authorities, ...client });
  const send = async (method: string, path: string, { body, type }: Sent = {}): Promise<string> => {
    const authorization = tokens === undefined ? BASIC : `Bearer ${issue(accessNeeded(path))}`;
    const url = new URL(path, `https://${host}`);
    return await exchange({ agent, url, method, body, type, authorization });
  };
  const putBlob = async (repository: string, bytes: Buffer): Promise<void> => {
    const started = await send('POST', `/v2/${repository}/blobs/uploads/`);
    const target = new URL(started, `https://${host}`);
    target.searchParams.set('digest', digestText(bytes));
    await send('PUT', `${target.pathname}${target.search}`, { body: bytes, type: BYTES });
  };
  const put: TestRegistry['put'] = async ({ repository, tag, type }, manifest, blobs) => {
    for (const blob of blobs) await putBlob(repository, blob);
    await send('PUT', `/v2/${repository}/manifests/${tag}`, {
      body: manifest,
      type: type ?? MANIFEST_TYPE,
    });
  };

  return {
    host,
    caFile: write('ca.pem', Buffer.concat(authorities)),
    client,
    put,
    blobPath: (digest) => {
      const [algorithm = '', hex = ''] = digest.split(':');
      const blobs = join(dir, 'data', 'docker', 'registry', 'v2', 'blobs');
      return join(blobs, algorithm, hex.slice(0, 2), hex, 'data');
    },
    async push(place, { descriptor, manifest }, layout) {
      const read = ({ digest }: TestDescriptor): Buffer => readFileSync(layout.blobPath(digest));
      await put(place, read(descriptor), [manifest.config, ...manifest.layers].map(read));
      return descriptor.digest;
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      program.kill('SIGKILL');
      await program.ended;
      await tokens?.[Symbol.asyncDispose]();
      certificates[Symbol.dispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');

  return port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** What a token is good for. */
interface Access {
  readonly name: string;
  readonly actions: readonly string[];
}

/** What is asked of a server of tokens: `scope=repository:NAME:ACTIONS`, several times perhaps. */
function accessAsked(url: string): readonly Access[] {
  return new URL(url, 'https://localhost').searchParams.getAll('scope').map((scope) => {
    const [, name = '', actions = ''] = scope.split(':');
    return { name, actions: actions.split(',') };
  });
}

/** What a request to the registry itself needs. */
function accessNeeded(path: string): readonly Access[] {
  const [, name = ''] = /^\/v2\/(.+?)\/(?:blobs|manifests)\//.exec(path) ?? [];

  return [{ name, actions: ['pull', 'push'] }];
}

/** Tokens as the registry takes them: signed by a certificate of its authority (distribution, token/jwt). */
function tokenIssuer({ key, cert }: { readonly key: Buffer; readonly cert: Buffer }) {
  const chain = [new X509Certificate(cert).raw.toString('base64')];

  return (access: readonly Access[]): string => {
    const now = Math.floor(Date.now() / 1000);
    const header = { typ: 'JWT', alg: 'ES256', x5c: chain };
    const claims = {
      iss: 'test',
      sub: 'me',
      aud: 'test',
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: String(now),
      access: access.map((each) => ({ type: 'repository', ...each })),
    };
    const text = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(text), {
      key: createPrivateKey(key),
      dsaEncoding: 'ieee-p1363',
    });

    return `${text}.${signature.toString('base64url')}`;
  };
}

interface Sent {
  readonly body?: Buffer | undefined;
  readonly type?: string | undefined;
}

interface Exchange extends Sent {
  readonly agent: Agent;
  readonly url: URL;
  readonly method: string;
  readonly authorization: string;
}

/** @returns the `Location` of the answer */
async function exchange({
  url,
  agent,
  method,
  body,
  type,
  authorization,
}: Exchange): Promise<string> {
  const headers = {
    authorization,
    'content-length': String(body?.length ?? 0),
    ...(type === undefined ? {} : { 'content-type': type }),
  };
  const outgoing = request(url, { agent, method, headers });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  if ((answer.statusCode ?? 500) >= 300) {
    throw new Error(
      `${method} ${url.pathname}: ${answer.statusCode} ${Buffer.concat(chunks).toString()}`,
    );
  }

  return answer.headers.location ?? '';
}
