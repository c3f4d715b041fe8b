import { writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nullLog } from '#base/log/log';
import { file, status } from '../../test/doubles/image-server.ts';
import { type FetchHost, startFetchHost } from '../../test/helpers/fetch-host.ts';
import { type ClientOptions, createHttpClient } from './http-client.ts';

let host: FetchHost;
beforeAll(async () => {
  host = await startFetchHost();
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

async function read(address: string, options: Partial<ClientOptions> = {}): Promise<string> {
  const client = createHttpClient({
    ...host.http,
    insecure: { tls: false, http: false },
    warn: () => {},
    log: nullLog,
    ...options,
  });
  try {
    return (await client.read(new URL(address), { maxBytes: 1000 })).data.toString();
  } finally {
    client.close();
  }
}

/** A server below HTTP. */
async function listen(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

const IMPATIENT = {
  timeouts: { connect: 100, answer: 100, stall: 100 },
  retries: { attempts: 1 },
};

describe('createHttpClient()', () => {
  it('asks through the proxy, but not hosts that are excepted', async () => {
    host.server.on('/a', file('x'));

    expect(await read('https://example.com/a')).toBe('x');
    expect(await read(`${host.server.origin}/a`)).toBe('x');
    expect(host.server.proxied).toEqual(['example.com:443']);
  });

  it('asks through the proxy over plain HTTP too', async () => {
    host.server.on('example.com/a', file('x'));

    await read('http://example.com/a', { insecure: { tls: false, http: true } });

    expect(host.server.proxied).toEqual(['example.com']);
  });

  it('asks through a proxy over TLS, whose certificate is checked as any other', async () => {
    host.server.on('/a', file('x'));
    const proxies = { https: host.server.origin };

    expect(await read('https://example.com/a', { proxies })).toBe('x');
    expect(host.server.proxied).toEqual(['example.com:443']);
    await expect(
      read('https://example.com/a', { proxies, certificateFiles: [] }),
    ).rejects.toMatchObject({
      code: 'FETCH_TLS',
      message: expect.stringMatching(/certificate of the proxy "localhost:\d+" is not good/),
    });
  });

  it('says so when the proxy is not there, or refuses', async () => {
    const server = await listen((socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const proxies = { https: `http://127.0.0.1:${portOf(server)}` };

    await expect(read('https://example.com/a', { proxies })).rejects.toMatchObject({
      code: 'FETCH_UNREACHABLE',
    });
    server.close();
    await expect(read('https://example.com/a', { proxies })).rejects.toMatchObject({
      code: 'FETCH_UNREACHABLE',
    });
  });

  it('leaves no connection to a proxy that never answers', async () => {
    const sockets = new Set<Socket>();
    const server = await listen((socket) => {
      sockets.add(socket);
      socket.resume().on('close', () => sockets.delete(socket));
    });
    const proxies = { https: `http://127.0.0.1:${portOf(server)}` };

    await expect(read('https://example.com/a', { proxies, ...IMPATIENT })).rejects.toMatchObject({
      code: 'FETCH_STALLED',
    });
    await expect.poll(() => sockets.size).toBe(0);
    server.close();
  });

  it('takes a proxy without scheme, and no proxy of a kind it does not know', async () => {
    host.server.on('/a', file('x'));
    const bare = host.server.proxy.replace('http://', '');

    expect(await read('https://example.com/a', { proxies: { https: bare } })).toBe('x');
    await expect(
      read('https://example.com/a', { proxies: { https: 'socks5://localhost:1' } }),
    ).rejects.toMatchObject({ code: 'PROXY_INVALID' });
  });

  it.each(['https', 'http'])('gives up on a silent host over %s', async (scheme) => {
    const server = await listen(() => {});
    const options = { ...IMPATIENT, insecure: { tls: false, http: true } };
    const state = scheme === 'https' ? /no connection within 0.1 s/ : /no answer within 0.1 s/;

    await expect(read(`${scheme}://127.0.0.1:${portOf(server)}/`, options)).rejects.toThrow(state);
    server.close();
  });

  it('says that nobody listens', async () => {
    const server = await listen(() => {});
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));

    await expect(read(`https://127.0.0.1:${port}/`)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('says that a server does not speak TLS', async () => {
    const address = host.server.plainOrigin.replace('http:', 'https:');

    await expect(read(address)).rejects.toMatchObject({ code: 'FETCH_NO_TLS' });
  });

  it('refuses a certificate for another name', async () => {
    const { proxy } = host.server;

    await expect(read('https://example.net/', { proxies: { https: proxy } })).rejects.toMatchObject(
      { code: 'FETCH_TLS', hint: expect.stringContaining('look at the address') },
    );
  });

  it('refuses a file of certificates that is none, or not there', async () => {
    const path = join(host.dir, 'no-pem');
    writeFileSync(path, 'hello');

    for (const [place, state] of [
      [path, `cannot use "${path}", which SSL_CERT_FILE names: not a PEM file`],
      ['/nowhere', 'cannot read "/nowhere", which SSL_CERT_FILE names: no such file or directory'],
    ] as const) {
      const certificateFiles = [{ path: place, namedBy: 'SSL_CERT_FILE' }];

      await expect(read('https://example.com/', { certificateFiles })).rejects.toMatchObject({
        code: 'CERTIFICATES_INVALID',
        message: state,
        hint: 'set SSL_CERT_FILE to a file of certificates in PEM form, or unset it',
      });
    }
  });

  it('waits as long as a busy server asks for', async () => {
    const retries = { attempts: 2, delay: 1, maxDelay: 5000 };
    host.server.on('/a', status(429, { 'retry-after': '1' }), file('x'));
    const began = performance.now();

    expect(await read('https://example.com/a', { retries })).toBe('x');
    expect(performance.now() - began).toBeGreaterThan(990);
  });

  it('does not come back before a busy server wants it to', async () => {
    const date = new Date(Date.now() + 7_200_000).toUTCString();
    for (const [answer, when] of [
      ['3600', 'in 60 minutes'],
      [date, 'in 120 minutes'],
    ] as const) {
      host.server.on('/a', status(429, { 'retry-after': answer }), file('x'));
      await expect(read('https://example.com/a')).rejects.toMatchObject({
        code: 'FETCH_BUSY',
        hint: `try again ${when}: the server asks for that`,
      });
      expect(host.server.seen).toHaveLength(1);
      host.reset();
    }
  });

  it('stops when it is told to', async () => {
    const server = await listen(() => {});
    const stop = new AbortController();
    const reading = read(`https://127.0.0.1:${portOf(server)}/`, { signal: stop.signal });
    setTimeout(() => stop.abort(), 20);

    await expect(reading).rejects.toMatchObject({ code: 'FETCH_CANCELLED' });
    server.close();
  });

  it('does not show credentials in errors', async () => {
    await expect(read('https://me:secret@example.com/a?token=abc')).rejects.not.toThrow(
      /secret|abc/,
    );
  });
});
