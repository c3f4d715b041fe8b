import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nullLog } from '#base/log/log';
import { file, redirect } from '../../test/doubles/image-server.ts';
import { type FetchHost, startFetchHost } from '../../test/helpers/fetch-host.ts';
import { authorized, credentialFor } from './authorization.ts';
import { createHttpClient } from './http-client.ts';
import type { Credential, HostCredential } from './http-options.ts';

let host: FetchHost;
beforeAll(async () => {
  host = await startFetchHost();
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const BASIC: Credential = { type: 'basic', user: 'me', password: 'secret' };
const OAUTH: Credential = { type: 'oauth', token: 'token-1' };
const AWS: Credential = { type: 'aws', accessKeyID: 'AKID', secretAccessKey: 'hidden' };

/** Asks for an URL and gives the authorization header of every request that came, by place. */
async function ask(
  address: string,
  auth: readonly HostCredential[],
): Promise<readonly (readonly [string, string | undefined])[]> {
  const client = createHttpClient({
    ...host.http,
    auth,
    insecure: { tls: false, http: true },
    warn: () => {},
    log: nullLog,
  });
  await client.read(new URL(address), { maxBytes: 1000 });
  client.close();

  return host.server.seen.map(({ target, headers }) => [target, headers.authorization]);
}

describe('credentials', () => {
  it.each([
    ['basic', BASIC, `Basic ${Buffer.from('me:secret').toString('base64')}`],
    ['oauth', OAUTH, 'Bearer token-1'],
  ])('of type %s are sent to their host', async (_, credential, header) => {
    host.server.on('/a', file('x'));

    const seen = await ask('https://example.com/a', [{ domain: 'example.com', credential }]);

    expect(seen).toEqual([['example.com/a', header]]);
  });

  it('of type aws sign the request', async () => {
    host.server.on('/a/b c', file('x'));
    host.server.on('/a/b%20c', file('x'));
    const credential = { ...AWS, awsRegion: 'eu-central-1' };

    await ask('https://example.com/a/b%20c?x=1', [{ domain: 'example.com', credential }]);

    expect(signatureIsGood(host.server.seen[0]!, 'eu-central-1')).toBe(true);
  });

  it('guess the region of aws from the host', async () => {
    const regionAt = async (address: string): Promise<string | undefined> => {
      const headers = await authorized({ url: new URL(address), headers: {} }, AWS);
      return /\d{8}\/([^/]+)\/s3/.exec(headers['Authorization'] ?? '')?.[1];
    };

    expect(await regionAt('https://bucket.s3.eu-west-1.amazonaws.com/a')).toBe('eu-west-1');
    expect(await regionAt('https://s3.example.com/a')).toBe('us-east-1');
  });

  it('do not sign twice what is signed already', async () => {
    const url = new URL('https://example.com/a?X-Amz-Signature=0123');

    expect(await authorized({ url, headers: {} }, AWS)).toEqual({});
  });

  it('do not follow a redirect to another host, port or scheme', async () => {
    const auth = [{ domain: 'example.com', credential: BASIC }];
    host.server.on('example.com/a', redirect('https://example.org/b'));
    host.server.on('/b', redirect(`${host.server.origin}/c`));
    host.server.on('/c', redirect('https://example.com:8443/d'));
    host.server.on('/d', redirect('http://example.com/e'));
    host.server.on('/e', redirect('https://example.com/f'));
    host.server.on('/f', file('x'));

    const seen = await ask('https://example.com/a', auth);

    expect(seen.map(([, header]) => header !== undefined)).toEqual([
      true,
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  it('of an URL do not follow a redirect to another origin', async () => {
    host.server.on('/a', redirect('https://example.org/b'));
    host.server.on('/b', redirect('https://you:too@example.com/c'));
    host.server.on('/c', file('x'));

    const seen = await ask('https://me:secret@example.com/a', []);

    expect(seen).toEqual([
      ['example.com/a', `Basic ${Buffer.from('me:secret').toString('base64')}`],
      ['example.org/b', undefined],
      ['example.com/c', `Basic ${Buffer.from('me:secret').toString('base64')}`],
    ]);
  });

  it('go to the host that is named, whole, and to its port', () => {
    const auth = [{ domain: 'example.com', credential: BASIC }];
    const given = (address: string): boolean => credentialFor(auth, new URL(address)) !== undefined;

    expect(given('https://example.com/')).toBe(true);
    expect(given('https://EXAMPLE.com:443/')).toBe(true);
    expect(given('https://example.com:8443/')).toBe(false);
    expect(given('https://evil-example.com/')).toBe(false);
    expect(given('https://example.com.evil.org/')).toBe(false);
    expect(given('https://sub.example.com/')).toBe(false);
    expect(
      credentialFor(
        [{ domain: 'example.com:8443', credential: BASIC }],
        new URL('https://example.com:8443/'),
      ),
    ).toBe(BASIC);
  });
});

/** Checks a SigV4 signature with code of its own (AWS, Signature Version 4 signing process). */
function signatureIsGood(
  { target, headers }: FetchHost['server']['seen'][number],
  region: string,
): boolean {
  const { authorization = '' } = headers;
  const [, scope = '', signed = '', given] =
    /Credential=AKID\/(\S+), SignedHeaders=(\S+), Signature=(\S+)/.exec(authorization) ?? [];
  const [path = '', query = ''] = target.slice(target.indexOf('/')).split('?');
  const canonical = [
    'GET',
    path,
    query,
    ...signed.split(';').map((name) => `${name}:${String(headers[name])}`),
    '',
    signed,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const date = String(headers['x-amz-date']);
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const key = [region, 's3', 'aws4_request'].reduce(
    (secret, part) => hmac(secret, part),
    hmac('AWS4hidden', date.slice(0, 8)),
  );

  return hmac(key, text).toString('hex') === given;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
