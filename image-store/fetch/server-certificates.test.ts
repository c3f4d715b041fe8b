import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nullLog } from '#base/log/log';
import {
  file,
  type ImageServer,
  redirect,
  startImageServer,
} from '../../test/doubles/image-server.ts';
import { createHttpClient } from './http-client.ts';
import type { HttpOptions } from './http-options.ts';

let dir: string;
let server: ImageServer;
let warnings: string[];
beforeAll(async () => {
  server = await startImageServer({
    names: ['example.com', 'example.org', 'registry-1.docker.io'],
    asksClients: true,
  });
  dir = mkdtempSync(join(tmpdir(), 'certs-'));
});
beforeEach(() => {
  rmSync(dir, { recursive: true });
  mkdirSync(dir);
  server.reset();
  server.on('/a', file('x'));
  warnings = [];
});
afterAll(async () => {
  rmSync(dir, { recursive: true });
  await server[Symbol.asyncDispose]();
});

const put = (path: string, content: string | Buffer): void => {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content, { mode: 0o600 });
};
const putCa = (folder: string): void => put(`${folder}/ca.crt`, readFileSync(server.caFile));
const putClient = (folder: string): void => {
  put(`${folder}/me.cert`, server.pair.cert);
  put(`${folder}/me.key`, server.pair.key);
};

const read = async (...addresses: readonly string[]): Promise<void> =>
  await readBy({ proxies: { https: server.proxy } }, addresses);

async function readBy(options: HttpOptions, addresses: readonly string[]): Promise<void> {
  const client = createHttpClient({
    ...options,
    certificateDirs: [join(dir, 'low'), join(dir, 'high')],
    insecure: { tls: false, http: false },
    retries: { attempts: 1 },
    warn: (message) => void warnings.push(message),
    log: nullLog,
  });
  try {
    for (const address of addresses) {
      expect((await client.read(new URL(address), { maxBytes: 10 })).data.toString()).toBe('x');
    }
  } finally {
    client.close();
  }
}

describe('certificates of a server', () => {
  it('make an authority trusted for this server alone, after others and before them', async () => {
    putCa('low/example.com');
    await read('https://example.com/a', 'https://example.com/a');
    for (const other of ['https://example.org/a', 'https://sub.example.com/a']) {
      await expect(read('https://example.com/a', other)).rejects.toMatchObject({
        code: 'FETCH_TLS',
      });
      await expect(read(other)).rejects.toMatchObject({ code: 'FETCH_TLS' });
    }
  });

  it('are found with and without the usual port, and by the name of Docker Hub', async () => {
    putCa('low/example.com:443');
    putCa('low/docker.io');
    putCa('low/example.org:5000');
    await read('https://example.com/a', 'https://registry-1.docker.io/a');
    await expect(read('https://example.org/a')).rejects.toMatchObject({ code: 'FETCH_TLS' });
  });

  it('are those of the last folder that has any for it', async () => {
    putCa('low/example.com');
    mkdirSync(join(dir, 'high/example.com'), { recursive: true });
    await expect(read('https://example.com/a')).rejects.toMatchObject({ code: 'FETCH_TLS' });
  });

  it('are shown to this server alone, along no redirect', async () => {
    putCa('low/example.com');
    putClient('low/example.com');
    putCa('low/example.org');
    server.on('example.com/b', redirect('https://example.org/a'));
    await read('https://example.com/a', 'https://example.com/b', 'https://example.org/a');
    expect(server.seen.map(({ target, client }) => [target, client])).toEqual([
      ['example.com/a', 'gantry test'],
      ['example.com/b', 'gantry test'],
      ['example.org/a', undefined],
      ['example.org/a', undefined],
    ]);
    expect(warnings).toEqual([]);
  });

  it('are not shown to a proxy', async () => {
    putCa('low/example.com');
    putClient('low/example.com');
    const proxies = { https: server.origin };
    await readBy(
      { proxies, certificateFiles: [{ path: server.caFile, namedBy: 'SSL_CERT_FILE' }] },
      ['https://example.com/a'],
    );
    expect(server.seen.map(({ target, client }) => [target, client])).toEqual([
      ['example.com:443', undefined],
      ['example.com/a', 'gantry test'],
    ]);
  });

  it('are warned of when everybody may read the key', async () => {
    putCa('low/example.com');
    putClient('low/example.com');
    chmodSync(join(dir, 'low/example.com/me.key'), 0o644);
    await read('https://example.com/a', 'https://example.com/a');
    expect(warnings).toEqual([expect.stringContaining(join(dir, 'low/example.com/me.key'))]);
  });

  it.each<[string, string, () => void]>([
    [
      'a key without its certificate',
      'there is no ".*me.cert"',
      () => rmSync(join(dir, 'high/example.com/me.cert')),
    ],
    [
      'a certificate without its key',
      'there is no ".*me.key"; authorities',
      () => rmSync(join(dir, 'high/example.com/me.key')),
    ],
    [
      'an authority that is no PEM',
      'ca.crt": not a PEM file',
      () => put('high/example.com/ca.crt', 'x'),
    ],
    [
      'an authority that is none',
      'ca.crt": no certificate can be read',
      () => put('high/example.com/ca.crt', '-----BEGIN CERTIFICATE-----\nx'),
    ],
    [
      'an authority that leads nowhere',
      'ca.crt": no such file',
      () => {
        rmSync(join(dir, 'high/example.com/ca.crt'));
        symlinkSync('nowhere', join(dir, 'high/example.com/ca.crt'));
      },
    ],
    ['a key that is no PEM', 'me.key": not a PEM file', () => put('high/example.com/me.key', 'x')],
    [
      'a key that is none',
      'me.key": no key can be read',
      () => put('high/example.com/me.key', '-----BEGIN PRIVATE KEY-----\nx'),
    ],
    [
      'a key with a passphrase',
      'me.key": no key can be read',
      () => put('high/example.com/me.key', newKey('word')),
    ],
    [
      'the key of another',
      'me.key": it is not the key of ".*me.cert"',
      () => put('high/example.com/me.key', newKey()),
    ],
    [
      'a key that is a folder',
      'me.key": it is a directory',
      () => {
        rmSync(join(dir, 'high/example.com/me.key'));
        mkdirSync(join(dir, 'high/example.com/me.key'));
      },
    ],
    [
      'a file in place of a folder',
      'example.com": a part of the path is not',
      () => {
        rmSync(join(dir, 'high/example.com'), { recursive: true });
        put('high/example.com', 'x');
      },
    ],
  ])('are refused, before anything is sent, with %s', async (_, message, spoil) => {
    putCa('high/example.com');
    putClient('high/example.com');
    spoil();
    await expect(read('https://example.com/a')).rejects.toMatchObject({
      code: 'CERTIFICATES_INVALID',
      message: expect.stringMatching(message) as unknown,
      hint: 'see containers-certs.d(5)',
    });
    expect(server.seen).toEqual([]);
  });
});

function newKey(passphrase?: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

  return privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
  });
}
