import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '#base/errors/gantry-error';
import type { OciDigest } from '#schema/oci/digest';
import {
  type Behaviour,
  file,
  type ImageServer,
  redirect,
  status,
} from '../../test/doubles/image-server.ts';
import {
  type AnsweringRegistry,
  startAnsweringRegistry,
} from '../../test/helpers/answering-registry.ts';
import { openUploads, type Uploads } from './registry-uploads.ts';

const REGISTRY = 'reg.example.com';
const ELSEWHERE = 'storage.example.com';
const PLACE = `${REGISTRY}/v2/team/app`;
const UPLOADS = `${PLACE}/blobs/uploads`;
const BLOB = Buffer.from('a blob '.repeat(100_000));
const BASIC = `Basic ${Buffer.from('me:secret').toString('base64')}`;
const MANIFEST = Buffer.from('{"schemaVersion":2}');
const TYPE = 'application/vnd.oci.image.manifest.v1+json';
const digestOf = (bytes: Uint8Array): OciDigest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}` as OciDigest;
const DESCRIPTOR = { mediaType: 'a/b', digest: digestOf(BLOB), size: BLOB.length };
const SENT = {
  bytes: MANIFEST,
  descriptor: { mediaType: TYPE, digest: digestOf(MANIFEST), size: MANIFEST.length },
};

let registry: AnsweringRegistry;
let server: ImageServer;
beforeAll(async () => {
  registry = await startAnsweringRegistry([REGISTRY, ELSEWHERE, 'auth.example.com'], {
    timeouts: { connect: 2000, answer: 300, stall: 300 },
    insecure: { tls: false, http: true },
  });
  ({ server } = registry);
});
beforeEach(() => server.reset());
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
});

const open = (): Uploads =>
  openUploads(
    { host: REGISTRY, repository: 'team/app' },
    registry.optionsFor({ type: 'basic', user: 'me', password: 'secret' }),
  );

async function* pieces(): AsyncGenerator<Buffer, void, undefined> {
  await Promise.resolve();
  for (let at = 0; at < BLOB.length; at += 65_536)
    yield Buffer.from(BLOB.subarray(at, at + 65_536));
}

const readAll = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};
const taken: Buffer[] = [];
/** Reads all that is sent, and says that it is there. */
const take =
  (told: Readonly<Record<string, string>> = {}): Behaviour =>
  (request, response) => {
    void readAll(request).then((bytes) => {
      taken.push(bytes);
      response.writeHead(201, told).end();
    });
  };
const begin = (location: string): Behaviour => status(202, { location });
/** Wants to know who it is. */
const asking =
  (then: Behaviour): Behaviour =>
  (request, response) => {
    if (request.headers.authorization === BASIC) then(request, response);
    else status(401, { 'www-authenticate': 'Basic realm="x"' })(request, response);
  };
const says = (code: number, error: object): Behaviour => {
  const body = JSON.stringify({ errors: [error] });
  return (_request, response) =>
    void response.writeHead(code, { 'content-type': 'application/json' }).end(body);
};
beforeEach(() => void (taken.length = 0));

describe('openUploads()', () => {
  it('asks what is there without fetching it', async () => {
    server.on(`${PLACE}/blobs/${DESCRIPTOR.digest}`, asking(status(200)));
    expect(await open().hasBlob(DESCRIPTOR.digest)).toBe(true);
    expect(await open().hasBlob(digestOf(MANIFEST))).toBe(false);
    expect(server.seen.map(({ method }) => method)).toEqual(['HEAD', 'HEAD', 'HEAD']);
  });

  it('has a blob taken over from another repository, where the registry does it', async () => {
    const denies: Behaviour = (request, response) => {
      const isMount = request.url?.includes('mount=') === true;
      status(isMount ? 401 : 202, { location: '/up' })(request, response);
    };
    server.on(UPLOADS, status(201), begin('/up'), denies);
    server.on(`${REGISTRY}/up`, take());
    const put = async (): Promise<boolean> =>
      await open().putBlob({ descriptor: DESCRIPTOR, open: pieces, from: 'team/other' });
    expect([await put(), await put(), await put()]).toEqual([true, false, false]);
    expect(taken.map((bytes) => bytes.equals(BLOB))).toEqual([true, true]);
    expect(server.seen.map(({ method }) => method).join(' ')).toBe('POST POST PUT POST POST PUT');
    const { searchParams } = new URL(`https://${server.seen[0]?.target}`);
    expect([...searchParams]).toEqual([
      ['mount', DESCRIPTOR.digest],
      ['from', 'team/other'],
    ]);
  });

  it('sends what registries know by its digest of 256 bits alone when it is taken over', async () => {
    const hex = createHash('sha512').update(BLOB).digest('hex');
    const descriptor = { ...DESCRIPTOR, digest: `sha512:${hex}` as OciDigest };
    server.on(UPLOADS, begin('/up'));
    server.on(`${REGISTRY}/up`, take());
    const isTakenOver = await open().putBlob({ descriptor, open: pieces, from: 'team/other' });

    expect([isTakenOver, taken.at(-1)?.equals(BLOB)]).toEqual([false, true]);
    expect(server.seen.map(({ target }) => target).join(' ')).not.toContain('mount=');
  });

  it.each(['/v2/team/app/up?state=a%2Fb', `https://${PLACE}/up?state=a%2Fb`])(
    'sends a blob to %s',
    async (location) => {
      server.on(UPLOADS, asking(begin(location)));
      server.on(`${PLACE}/up`, asking(take({ 'docker-content-digest': DESCRIPTOR.digest })));
      await open().putBlob({ descriptor: DESCRIPTOR, open: pieces });
      expect(taken.at(-1)?.equals(BLOB)).toBe(true);
      const put = server.seen.at(-1);
      expect(put).toMatchObject({
        method: 'PUT',
        headers: { 'content-length': `${BLOB.length}`, 'content-type': 'application/octet-stream' },
      });
      const { searchParams } = new URL(`https://${put?.target}`);
      expect(Object.fromEntries(searchParams)).toEqual({ state: 'a/b', digest: DESCRIPTOR.digest });
    },
  );

  it('proves nothing to another server that it is sent to', async () => {
    server.on(UPLOADS, asking(begin(`https://${ELSEWHERE}/up`)));
    server.on(`${ELSEWHERE}/up`, take());
    await open().putBlob({ descriptor: DESCRIPTOR, open: pieces });
    expect(server.seen.at(-1)?.headers.authorization).toBeUndefined();

    server.on(`${ELSEWHERE}/up`, status(401, { 'www-authenticate': 'Basic realm="x"' }));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toMatchObject({
      code: 'FETCH_DENIED',
    });
    const elsewhere = server.seen.filter(({ target }) => target.startsWith(ELSEWHERE));
    expect(elsewhere.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  it.each([
    'http://reg.example.com/up',
    'ftp://reg.example.com/up',
    'https://you:me@reg.example.com/up',
    'https://[',
    '',
  ])('sends nothing to "%s"', async (location) => {
    server.on(UPLOADS, status(202, location === '' ? {} : { location }));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toThrow(
      'wants blobs to be sent to',
    );
    expect(server.seen.map(({ method }) => method)).toEqual(['POST']);
  });

  it('sends nothing along a redirect', async () => {
    server.on(UPLOADS, begin('/up'));
    server.on(`${REGISTRY}/up`, redirect(`https://${ELSEWHERE}/up`, 307));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toMatchObject({
      code: 'FETCH_REDIRECT',
    });
    expect(server.count(`${ELSEWHERE}/up`)).toBe(0);
  });

  it('begins anew after what may pass, and says so when it does not', async () => {
    const breaks: Behaviour = (request) => void request.once('data', () => request.destroy());
    server.on(UPLOADS, status(503), begin('/up'));
    server.on(`${REGISTRY}/up`, breaks, status(404), take());
    await open().putBlob({ descriptor: DESCRIPTOR, open: pieces });
    expect(taken.at(-1)?.equals(BLOB)).toBe(true);
    expect(server.count(UPLOADS)).toBe(4);

    server.on(`${REGISTRY}/up`, status(500));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toMatchObject({
      code: 'FETCH_BUSY',
    });
    expect(server.count(UPLOADS)).toBe(7);
  });

  it('gives up a server that takes nothing or says nothing', async () => {
    const deaf: Behaviour = (request) => void request.pause();
    server.on(UPLOADS, begin('/up'));
    server.on(`${REGISTRY}/up`, deaf);
    const large = { ...DESCRIPTOR, size: 100 * BLOB.length };
    async function* endless(): AsyncGenerator<Buffer, void, undefined> {
      for (let count = 0; count < 100; count += 1) yield* pieces();
    }
    await expect(open().putBlob({ descriptor: large, open: endless })).rejects.toMatchObject({
      code: 'FETCH_STALLED',
    });
  });

  it('does not show what the registry has put into an address', async () => {
    server.on(UPLOADS, begin('/up?_state=secret'));
    server.on(`${REGISTRY}/up`, status(400));
    const refused = open().putBlob({ descriptor: DESCRIPTOR, open: pieces });
    await expect(refused).rejects.toThrow(`cannot send to "https://${REGISTRY}/up": the server`);
  });

  it('tells in the words of the registry what it refuses', async () => {
    server.on(UPLOADS, says(403, { code: 'DENIED', message: 'not yours' }));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toThrow(
      `cannot send to "https://${UPLOADS}/": the server answered 403, "not yours"`,
    );
    server.on(UPLOADS, begin('/up'));
    server.on(`${REGISTRY}/up`, file('x'.repeat(100_000)));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toThrow(
      'answered 200',
    );
  });

  it('hears a server that has enough before all was sent', async () => {
    const tooMuch = says(413, { code: 'SIZE_INVALID', message: 'enough' });
    server.on(UPLOADS, begin('/up'));
    server.on(`${REGISTRY}/up`, tooMuch);
    const large = { ...DESCRIPTOR, size: 100 * BLOB.length };
    let sent = 0;
    async function* endless(): AsyncGenerator<Buffer, void, undefined> {
      for (let count = 0; count < 100; count += 1) {
        sent += 1;
        yield* pieces();
      }
    }
    await expect(open().putBlob({ descriptor: large, open: endless })).rejects.toThrow(
      'answered 413, "enough"',
    );
    expect(sent).toBeLessThan(100);
    expect(server.count(UPLOADS)).toBe(1);
  });

  it('proves who it is again where a token has run out on the way', async () => {
    server.on(UPLOADS, asking(begin('/up')));
    const challenge = { 'www-authenticate': 'Basic realm="x"' };
    server.on(`${REGISTRY}/up`, status(401, challenge), take());
    await open().putBlob({ descriptor: DESCRIPTOR, open: pieces });
    expect(taken.at(-1)?.equals(BLOB)).toBe(true);

    server.on(`${REGISTRY}/up`, status(401, challenge));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toMatchObject({
      code: 'FETCH_DENIED',
    });
  });

  it('is not content with another digest', async () => {
    const other = { 'docker-content-digest': digestOf(MANIFEST) };
    server.on(UPLOADS, begin('/up'));
    server.on(`${REGISTRY}/up`, take(other));
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: pieces })).rejects.toThrow(
      'has the digest',
    );
  });

  it('breaks off what fails on the way, and does not try again', async () => {
    server.on(UPLOADS, begin('/up'));
    server.on(`${REGISTRY}/up`, take());
    async function* damaged(): AsyncGenerator<Buffer, void, undefined> {
      await Promise.resolve();
      yield Buffer.from(BLOB.subarray(0, 100));
      throw new GantryError('IMAGE_CORRUPT', 'cannot use the image');
    }
    await expect(open().putBlob({ descriptor: DESCRIPTOR, open: damaged })).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
    });
    expect(taken).toEqual([]);
    expect(server.count(UPLOADS)).toBe(1);
  });

  it('puts a manifest, and looks at what the registry does not say', async () => {
    const told = { 'docker-content-digest': SENT.descriptor.digest };
    server.on(`${PLACE}/manifests/1`, asking(take(told)));
    await open().putManifest('1', SENT);
    expect(taken.at(-1)).toEqual(MANIFEST);
    expect(server.seen.at(-1)).toMatchObject({ method: 'PUT', headers: { 'content-type': TYPE } });

    server.on(`${PLACE}/manifests/1`, take(), file(MANIFEST), take(), file('{}'));
    await open().putManifest('1', SENT);
    await expect(open().putManifest('1', SENT)).rejects.toThrow('has the digest');
    const wrong = { 'docker-content-digest': DESCRIPTOR.digest };
    server.on(`${PLACE}/manifests/1`, take(wrong));
    await expect(open().putManifest('1', SENT)).rejects.toThrow('has the digest');
    server.on(`${PLACE}/manifests/1`, says(400, { code: 'MANIFEST_INVALID' }));
    await expect(open().putManifest('1', SENT)).rejects.toThrow('400, "MANIFEST_INVALID"');
  });

  it('asks for tokens by which it may push, and for what the registry wants beside that', async () => {
    const scope = 'repository:team/app:pull repository:team/other:pull';
    const challenge = `Bearer realm="https://auth.example.com/token",scope="${scope}"`;
    server.on(
      `${PLACE}/blobs/${DESCRIPTOR.digest}`,
      status(401, { 'www-authenticate': challenge }),
      status(200),
    );
    server.on('auth.example.com/token', file('{"token":"t"}'));
    expect(await open().hasBlob(DESCRIPTOR.digest)).toBe(true);
    const asked = server.seen.find(({ target }) => target.startsWith('auth'))?.target;
    expect(new URL(`https://${asked}`).searchParams.getAll('scope')).toEqual([
      'repository:team/app:pull,push',
      'repository:team/app:pull',
      'repository:team/other:pull',
    ]);
  });
});
