import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nullLog } from '#base/log/log';
import type { OciDigest } from '#schema/oci/digest';
import {
  type Behaviour,
  type ImageServer,
  breakAfter,
  file,
  redirect,
  status,
} from '../../test/doubles/image-server.ts';
import {
  type AnsweringRegistry,
  startAnsweringRegistry,
} from '../../test/helpers/answering-registry.ts';
import { createHttpClient } from '../fetch/http-client.ts';
import type { RegistryLogin } from './registry-auth.ts';
import { openRepository } from './registry-client.ts';
import type { RegistryOptions } from './repository-access.ts';

const REGISTRY = 'reg.example.com';
const PLACE = `${REGISTRY}/v2/team/app`;
const TOKENS = 'auth.example.com/token';
const MANIFEST = Buffer.from('{"schemaVersion":2}');
const digestOf = (bytes: Uint8Array, algorithm = 'sha256'): OciDigest =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as OciDigest;
const LOGIN: RegistryLogin = { type: 'basic', user: 'me', password: 'secret' };
const BASIC = `Basic ${Buffer.from('me:secret').toString('base64')}`;
const BEARER =
  'Bearer realm="https://auth.example.com/token",service="reg",scope="repository:team/app:pull"';

let registry: AnsweringRegistry;
let server: ImageServer;
beforeAll(async () => {
  registry = await startAnsweringRegistry([REGISTRY, 'auth.example.com', 'cdn.example.com']);
  ({ server } = registry);
});
beforeEach(() => server.reset());
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
});

const open = (login?: RegistryLogin, options: Partial<RegistryOptions> = {}) =>
  openRepository(
    { host: REGISTRY, repository: 'team/app' },
    { ...registry.optionsFor(login), ...options },
  );
/** Answers whoever proves who he is; asks everybody else to. */
const guarded = (proof: string, challenge: string, then: Behaviour): Behaviour => {
  return (request, response) => {
    if (request.headers.authorization === proof) then(request, response);
    else status(401, { 'www-authenticate': challenge })(request, response);
  };
};
const manifest = file(MANIFEST, {
  headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json; charset=utf-8' },
});
const json = (value: unknown): Behaviour => file(JSON.stringify(value));
const proofs = (place: string): readonly unknown[] =>
  server.seen
    .filter(({ target }) => target.startsWith(place))
    .map(({ headers }) => headers.authorization);

describe('a repository', () => {
  it('gives a manifest and its digest, by tag and by digest', async () => {
    server.on(`${PLACE}/manifests/1.0`, manifest);
    server.on(`${PLACE}/manifests/${digestOf(MANIFEST)}`, manifest);
    server.on(`${PLACE}/manifests/${digestOf(MANIFEST, 'sha512')}`, manifest);

    expect(await open().manifest('1.0')).toEqual({
      bytes: MANIFEST,
      digest: digestOf(MANIFEST),
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
    });
    expect((await open().manifest(digestOf(MANIFEST))).digest).toBe(digestOf(MANIFEST));
    const longer = digestOf(MANIFEST, 'sha512');
    expect((await open().manifest(longer)).digest).toBe(longer);
    expect(server.seen[0]?.headers.accept).toContain('vnd.oci.image.index.v1+json');
  });

  it('refuses a manifest of another digest than was asked for, or told, and one that is too large', async () => {
    const other = digestOf(Buffer.from('other'));
    server.on(`${PLACE}/manifests/${other}`, manifest);
    server.on(
      `${PLACE}/manifests/told`,
      file(MANIFEST, { headers: { 'docker-content-digest': other } }),
    );
    server.on(`${PLACE}/manifests/large`, file(Buffer.alloc(4 * 1024 * 1024 + 1)));

    await expect(open().manifest(other)).rejects.toThrow(
      `digest ${digestOf(MANIFEST)}, not ${other}`,
    );
    await expect(open().manifest('told')).rejects.toThrow('has the digest');
    await expect(open().manifest('large')).rejects.toThrow('more than 4194304 bytes');
    await expect(open().manifest('none')).rejects.toThrow('404');
  });

  it('gives a blob, going on where the connection broke', async () => {
    const blob = Buffer.from('0123456789'.repeat(1000));
    const digest = digestOf(blob);
    server.on(
      `${PLACE}/blobs/${digest}`,
      breakAfter(blob, 5000, { etag: '"x"' }),
      file(blob, { etag: '"x"' }),
    );

    const download = await open().blob({ mediaType: 'a/b', digest, size: blob.length });
    expect(Buffer.concat(await Array.fromAsync(download.chunks()))).toEqual(blob);
    expect(server.seen.at(-1)?.headers.range).toBe('bytes=5000-');
    await expect(open().blob({ mediaType: 'a/b', digest, size: 10 })).rejects.toThrow(
      'more than 10',
    );
  });

  it('is asked over plain HTTP only where that is allowed and it speaks nothing else', async () => {
    const plain = new URL(server.plainOrigin).host;
    server.on('/v2/team/app/manifests/1', manifest);
    const ask = async (allowHttp: boolean) => {
      const direct = createHttpClient({
        retries: { attempts: 1 },
        insecure: { tls: false, http: allowHttp },
        warn: () => {},
        log: nullLog,
      });
      const place = { host: plain, repository: 'team/app' };
      const options = { client: direct, allowHttp, log: nullLog, now: Date.now };
      const findLogin = async (): Promise<undefined> => await Promise.resolve(undefined);
      try {
        return (await openRepository(place, { ...options, findLogin }).manifest('1')).bytes;
      } finally {
        direct.close();
      }
    };

    await expect(ask(false)).rejects.toThrow(`https://${plain}`);
    expect(await ask(true)).toEqual(MANIFEST);
  });

  it('is shown with its own words when it refuses, as far as they are some', async () => {
    const says = (body: string): Behaviour => {
      return (_, response) => {
        response.writeHead(403, { 'content-type': 'application/json; charset=utf-8' }).end(body);
      };
    };
    for (const [body, words] of [
      [
        '{"errors":[{"code":"DENIED","message":"pay \\u001b[1m first"}]}',
        ', "pay \\u001b[1m first"',
      ],
      ['{"errors":[{"code":"DENIED"}]}', ', "DENIED"'],
      ['{"errors":[]}', ''],
      [`{"errors":[{"message":"${'x'.repeat(10_000)}"}]}`, ''],
      ['no JSON', ''],
    ] as const) {
      server.on(`${PLACE}/manifests/1`, says(body));
      await expect(open().manifest('1')).rejects.toThrow(
        expect.objectContaining({
          message: `cannot fetch "https://${PLACE}/manifests/1": the server answered 403${words}`,
        }) as Error,
      );
    }
  });

  it('waits when the registry is asked too much', async () => {
    server.on(`${PLACE}/manifests/1`, status(429, { 'retry-after': '0' }), manifest);
    expect((await open().manifest('1')).bytes).toEqual(MANIFEST);
  });
});

describe('who one is', () => {
  it('is proven by a password when the registry asks for it, and not before', async () => {
    server.on(`${PLACE}/manifests/1`, guarded(BASIC, 'Basic realm="x"', manifest));
    const repository = open(LOGIN);
    await repository.manifest('1');
    await repository.manifest('1');
    expect(proofs(PLACE)).toEqual([undefined, BASIC, BASIC]);
  });

  it('is proven by a token, with or without a password, as long as that counts', async () => {
    let now = 0;
    server.on(`${PLACE}/manifests/1`, guarded('Bearer T', BEARER, manifest));
    server.on(TOKENS, json({ token: 'T', expires_in: 300 }));
    const repository = open(LOGIN, { now: () => now });
    await repository.manifest('1');
    await repository.manifest('1');
    expect(proofs(PLACE)).toEqual([undefined, 'Bearer T', 'Bearer T']);
    expect(proofs(TOKENS)).toEqual([BASIC]);
    expect(server.seen.find(({ target }) => target.startsWith(TOKENS))?.target).toBe(
      `${TOKENS}?service=reg&scope=repository%3Ateam%2Fapp%3Apull`,
    );
    now = 300_000;
    await repository.manifest('1');
    expect(proofs(TOKENS)).toHaveLength(2);

    server.reset();
    server.on(`${PLACE}/manifests/1`, guarded('Bearer A', BEARER, manifest));
    server.on(TOKENS, json({ access_token: 'A' }));
    await open().manifest('1');
    expect(proofs(TOKENS)).toEqual([undefined]);
  });

  it('is proven by an identity token, which is sent as a form', async () => {
    const bodies: string[] = [];
    server.on(`${PLACE}/manifests/1`, guarded('Bearer T', BEARER, manifest));
    server.on(TOKENS, (request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => json({ access_token: 'T' })(request, response));
    });
    await open({ type: 'identity', token: 'long-lived' }).manifest('1');

    expect(Object.fromEntries(new URLSearchParams(bodies.join('')))).toEqual({
      service: 'reg',
      scope: 'repository:team/app:pull',
      grant_type: 'refresh_token',
      refresh_token: 'long-lived',
      client_id: 'gantry',
    });
  });

  it('is told to no other server that the registry sends to', async () => {
    const blob = Buffer.from('blob');
    const digest = digestOf(blob);
    const elsewhere = redirect('https://cdn.example.com/blob');
    server.on(`${PLACE}/blobs/${digest}`, guarded('Bearer T', BEARER, elsewhere));
    server.on(TOKENS, json({ token: 'T' }));
    server.on('cdn.example.com/blob', file(blob));
    const download = await open(LOGIN).blob({ mediaType: 'a/b', digest, size: 4 });

    expect(Buffer.concat(await Array.fromAsync(download.chunks()))).toEqual(blob);
    expect(proofs('cdn.example.com')).toEqual([undefined]);
  });

  it('is told to nobody when a server that the registry sends to asks for it', async () => {
    const realm = 'Bearer realm="https://cdn.example.com/token",service="x"';
    const digest = digestOf(Buffer.from('blob'));
    server.on(`${PLACE}/blobs/${digest}`, redirect('https://cdn.example.com/blob'));
    server.on('cdn.example.com/blob', status(401, { 'www-authenticate': realm }));
    server.on('cdn.example.com/token', json({ token: 'T' }));

    await expect(open(LOGIN).blob({ mediaType: 'a/b', digest, size: 4 })).rejects.toMatchObject({
      code: 'FETCH_DENIED',
    });
    expect(proofs('cdn.example.com')).toEqual([undefined]);
  });

  it.each<[string, string, Behaviour, string]>([
    ['asks again and again', BEARER, json({ token: 'wrong' }), 'the server answered 401'],
    ['gives no token', BEARER, json({}), 'it gives no token'],
    ['gives no JSON', BEARER, file('<html>'), 'not JSON'],
    ['refuses the password', BEARER, status(401), 'it takes no such password'],
    ['takes no such password', 'Basic realm="x"', status(500), 'it takes no such password'],
    ['sends elsewhere for a token', BEARER, redirect('https://cdn.example.com/'), '404'],
    [
      'sends to plain HTTP for a token',
      'Bearer realm="http://auth.example.com/token"',
      status(500),
      'for a token',
    ],
    ['sends nowhere for a token', 'Bearer realm="nowhere"', status(500), 'for a token'],
    ['wants something unknown', 'Negotiate', status(500), 'does not say how to log in'],
    ['wants something unreadable', '"', status(500), 'does not say how to log in'],
  ])('is of no use when a server %s', async (...[, challenge, tokens, message]) => {
    server.on(`${PLACE}/manifests/1`, guarded('Bearer right', challenge, manifest));
    server.on(TOKENS, tokens);
    await expect(open(LOGIN).manifest('1')).rejects.toThrow(message);
    expect(server.count(`${PLACE}/manifests/1`)).toBeLessThanOrEqual(2);
    expect(proofs('cdn.example.com').filter((proof) => proof !== undefined)).toEqual([]);
  });

  it('is asked for in words when nothing is known', async () => {
    server.on(`${PLACE}/manifests/1`, guarded(BASIC, 'Basic realm="x"', manifest));
    await expect(open().manifest('1')).rejects.toThrow(
      expect.objectContaining({
        code: 'FETCH_DENIED',
        hint: expect.stringContaining('auth.d') as unknown,
      }) as Error,
    );
  });
});
