import {
  createServer as createPlainServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { makeCertificates, type TestCertificates } from './certificates.ts';

/** Answers one request; what an honest or a hostile server would do. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

/** A request as it came. */
export interface SeenRequest {
  readonly method: string;
  /** `host` header and path with query: `example.com/app?ac-discovery=1`. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  /** The common name in the certificate that the client showed. */
  readonly client: string | undefined;
}

/**
 * A web server on loopback that does as it is told. Names other than localhost
 * are reached through its proxy, which leads every one of them here.
 */
export interface ImageServer extends AsyncDisposable {
  /** `https://localhost:PORT`. */
  readonly origin: string;
  /** `http://localhost:PORT` of the same content without TLS. */
  readonly plainOrigin: string;
  /** For HTTPS_PROXY and HTTP_PROXY. */
  readonly proxy: string;
  /** Hosts that the proxy was asked for, in order. */
  readonly proxied: string[];
  readonly caFile: string;
  /** The server's own certificate and its key, in PEM form. */
  readonly pair: { readonly cert: Buffer; readonly key: Buffer };
  /** Every request since the start or the last `reset`. */
  readonly seen: SeenRequest[];
  /**
   * Sets what happens at a place: a path (`/a.aci`) or a host with a path
   * (`example.com/a.aci`). With several behaviours each serves one request, the
   * last one all that follow.
   */
  on(place: string, ...behaviours: readonly [Behaviour, ...Behaviour[]]): void;
  /** How many requests came for a place. */
  count(place: string): number;
  /** Forgets places and requests. */
  reset(): void;
}

export interface ServerOptions {
  /** Names the certificate is good for, beside localhost. */
  readonly names?: readonly string[];
  /** Whether it asks clients for certificates; it takes any, and none. */
  readonly asksClients?: boolean;
}

/** Starts a server; disposing of it breaks every connection. */
export async function startImageServer({
  names = [],
  asksClients = false,
}: ServerOptions = {}): Promise<ImageServer> {
  const certificates = makeCertificates(['localhost', ...names]);
  const places = new Map<string, Behaviour[]>();
  const seen: SeenRequest[] = [];
  const proxied: string[] = [];
  const sockets = new Set<Duplex>();
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    answer({ request, response, places, seen });
  };
  const { key, cert } = certificates;
  const secure = createServer(
    { key, cert, requestCert: asksClients, rejectUnauthorized: false },
    handle,
  );
  const plain = createPlainServer(handle);
  const proxy = createPlainServer((request, response) => {
    proxied.push(new URL(request.url ?? '').host);
    request.url = new URL(request.url ?? '').pathname;
    handle(request, response);
  });
  proxy.on('connect', (request, socket: Duplex) => {
    proxied.push(request.url ?? '');
    tunnel(socket, secure);
  });
  // A proxy over TLS as well.
  secure.on('connect', (request, socket: Duplex) => {
    proxied.push(request.url ?? '');
    const { method = '', url: target = '', headers } = request;
    seen.push({ method, target, headers, client: commonNameOf(request.socket) });
    remember(sockets, socket);
    tunnel(socket, secure);
  });
  for (const server of [secure, plain, proxy]) {
    server.on('connection', (socket: Socket) => remember(sockets, socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }

  return {
    origin: `https://localhost:${portOf(secure)}`,
    plainOrigin: `http://localhost:${portOf(plain)}`,
    proxy: `http://127.0.0.1:${portOf(proxy)}`,
    proxied,
    caFile: certificates.caFile,
    pair: { cert, key },
    seen,
    on: (place, ...behaviours) => void places.set(place, [...behaviours]),
    count: (place) => seen.filter(({ target }) => isAt(target, place)).length,
    reset: () => {
      places.clear();
      seen.length = 0;
      proxied.length = 0;
    },
    [Symbol.asyncDispose]: async () => await stop([secure, plain, proxy], sockets, certificates),
  };
}

/** Answers with a file as an honest server does: ETag, ranges, 304. */
export function file(data: Uint8Array | string, options: FileOptions = {}): Behaviour {
  const body = Buffer.from(data);
  return (request, response) => {
    const part = options.ranges === false ? undefined : partOf(request, body, options.etag);
    for (const [name, value] of Object.entries(fileHeaders(options)))
      response.setHeader(name, value);
    if (options.etag !== undefined && request.headers['if-none-match'] === options.etag) {
      response.writeHead(304).end();
      return;
    }
    if (part === undefined) {
      response.writeHead(200, { 'content-length': body.length }).end(body);
      return;
    }
    const range = `bytes ${part.start}-${body.length - 1}/${body.length}`;
    response.writeHead(206, { 'content-length': part.data.length, 'content-range': range });
    response.end(part.data);
  };
}

export interface FileOptions {
  readonly etag?: string;
  readonly lastModified?: string;
  /** Seconds. */
  readonly maxAge?: number;
  /** Whether parts are given; so unless told. */
  readonly ranges?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Announces the whole file, sends its first bytes and breaks the connection. */
export function breakAfter(data: Uint8Array, bytes: number, options: FileOptions = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': data.length, ...fileHeaders(options) });
    response.write(data.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
  };
}

/** Announces the whole file, sends its first bytes and nothing more. */
export function stallAfter(data: Uint8Array, bytes: number, options: FileOptions = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(200, { 'content-length': data.length, ...fileHeaders(options) });
    response.write(data.subarray(0, bytes));
  };
}

/** Never answers. */
export const silence: Behaviour = () => {};

/** Answers with a status and nothing else. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(code, headers).end();
  };
}

/** Sends on to another place. */
export function redirect(to: string, code = 302): Behaviour {
  return status(code, { location: to });
}

/** Sends these very bytes on the connection and closes it. */
export function raw(bytes: string): Behaviour {
  return (_request, response) => {
    response.socket?.end(bytes);
  };
}

/** A page with discovery meta tags (appc, Discovery). */
export function discoveryPage(tags: {
  readonly aci?: readonly (readonly [prefix: string, template: string])[];
  readonly keys?: readonly (readonly [prefix: string, url: string])[];
}): Behaviour {
  const meta =
    (name: string) =>
    ([prefix, value]: readonly [string, string]) =>
      `<meta name="${name}" content="${prefix} ${value}">`;
  const lines = [
    ...(tags.aci ?? []).map(meta('ac-discovery')),
    ...(tags.keys ?? []).map(meta('ac-discovery-pubkeys')),
  ];
  const page = `<!doctype html><html><head><title>x</title>${lines.join('\n')}</head><body>hello</body></html>`;

  return file(page, { headers: { 'content-type': 'text/html' } });
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly places: ReadonlyMap<string, Behaviour[]>;
  readonly seen: SeenRequest[];
}

function answer({ request, response, places, seen }: Exchange): void {
  const { method = '', headers, socket } = request;
  const target = `${headers.host ?? ''}${request.url ?? ''}`;
  seen.push({ method, target, headers, client: commonNameOf(socket) });

  const [behaviours] = [...places].filter(([place]) => isAt(target, place)).map(([, all]) => all);
  const behaviour = behaviours?.[0] ?? status(404);
  if (behaviours !== undefined && behaviours.length > 1) behaviours.shift();
  behaviour(request, response);
}

function commonNameOf(socket: Socket): string | undefined {
  const name = socket instanceof TLSSocket ? socket.getPeerCertificate()?.subject?.CN : undefined;

  return Array.isArray(name) ? name.join() : name;
}

function isAt(target: string, place: string): boolean {
  const [bare = ''] = target.split('?');
  const wanted = place.startsWith('/') ? bare.slice(bare.indexOf('/')) : bare;

  return wanted === place || target === place || wanted === `${place}/`;
}

function fileHeaders({ etag, lastModified, maxAge, headers }: FileOptions): Record<string, string> {
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { 'last-modified': lastModified }),
    ...(maxAge === undefined ? {} : { 'cache-control': `max-age=${maxAge}` }),
    ...headers,
  };
}

function partOf(
  request: IncomingMessage,
  body: Buffer,
  etag: string | undefined,
): { readonly start: number; readonly data: Buffer } | undefined {
  const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const condition = request.headers['if-range'];
  if (start === undefined || (etag !== undefined && condition !== etag)) return undefined;

  return { start: Number(start), data: body.subarray(Number(start)) };
}

function tunnel(socket: Duplex, server: Server): void {
  const upstream = connect(portOf(server), '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.pipe(upstream).pipe(socket);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('error', () => upstream.destroy());
}

function portOf(server: { address(): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port;
}

function remember(sockets: Set<Duplex>, socket: Duplex): void {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => {});
}

async function stop(
  servers: readonly { close(done: () => void): unknown }[],
  sockets: ReadonlySet<Duplex>,
  certificates: TestCertificates,
): Promise<void> {
  const closed = servers.map(
    (server) => new Promise<void>((done) => void server.close(() => done())),
  );
  for (const socket of sockets) socket.destroy();
  await Promise.all(closed);
  certificates[Symbol.dispose]();
}
