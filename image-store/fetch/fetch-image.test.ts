import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { discoveryPage, file, status } from '../../test/doubles/image-server.ts';
import { type FetchHost, startFetchHost } from '../../test/helpers/fetch-host.ts';
import { tinyAci } from '../../test/helpers/tiny-aci.ts';

let host: FetchHost;
beforeAll(async () => {
  host = await startFetchHost();
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const APP = { name: 'example.com/app', version: '1.0' };

describe('fetchImage() of a name', () => {
  it('finds, verifies and keeps the image', async () => {
    await host.publish(APP);

    const outcome = await host.fetch('example.com/app:1.0');

    expect(outcome).toMatchObject({ fetched: true, dependencies: [] });
    expect(host.store.record(outcome.key)).toMatchObject({
      name: 'example.com/app',
      latest: false,
      accepted: {
        how: 'signed',
        fingerprint: host.key.fingerprint,
        prefix: 'example.com',
        time: host.now,
        source: 'https://example.com/example.com-app.aci',
      },
    });
    expect(host.warnings).toEqual([]);
  });

  it('asks for the signature before the image', async () => {
    const { path } = await host.publish(APP);

    await host.fetch('example.com/app:1.0');

    expect(host.server.seen.map(({ target }) => target)).toEqual([
      'example.com/app?ac-discovery=1',
      `example.com${path}.asc`,
      `example.com${path}`,
    ]);
  });

  it('notes the latest when no version was asked for', async () => {
    await host.publish(APP);

    const { key } = await host.fetch('example.com/app');

    expect(host.store.record(key)?.latest).toBe(true);
  });

  it('finds the page of a parent, and tries endpoints in their order', async () => {
    const { path } = await host.publish(APP);
    host.server.on('example.com/app', status(404));
    host.server.on(
      'example.com',
      discoveryPage({
        aci: [
          ['example.com/other', 'https://example.com/wrong.{ext}'],
          ['example.com', 'https://example.com/{channel}.{ext}'],
          ['example.com', 'https://example.com/gone.{ext}'],
          ['example.com', `https://example.com${path.replace(/aci$/, '{ext}')}`],
        ],
      }),
    );

    const { fetched } = await host.fetch('example.com/app');

    expect(fetched).toBe(true);
    expect(host.server.count('/gone.aci.asc')).toBe(1);
    expect(host.server.count('/wrong.aci.asc')).toBe(0);
  });

  it('reports what nobody knows', async () => {
    await expect(host.fetch('example.com/a/b')).rejects.toMatchObject({ code: 'DISCOVERY_FAILED' });
    expect(host.server.seen.map(({ target }) => target.split('?')[0])).toEqual([
      'example.com/a/b',
      'example.com/a',
      'example.com/',
    ]);
  });

  it('reports every endpoint when none works', async () => {
    host.server.on(
      'example.com/app',
      discoveryPage({
        aci: [
          ['example.com/app', 'https://example.com/one.{ext}'],
          ['example.com/app', 'https://example.com/two.{ext}'],
        ],
      }),
    );

    await expect(host.fetch('example.com/app')).rejects.toThrow(/one\.aci.*two\.aci/);
  });

  it('refuses an endpoint over plain HTTP, and takes it with leave and a warning', async () => {
    const { data, signature } = await host.publish(APP);
    host.server.on(
      'example.com/app',
      discoveryPage({ aci: [['example.com', 'http://example.com/p.{ext}']] }),
    );
    host.server.on('/p.aci', file(data));
    host.server.on('/p.aci.asc', file(signature));

    await expect(host.fetch('example.com/app')).rejects.toMatchObject({ code: 'DISCOVERY_FAILED' });
    await host.fetch('example.com/app', { insecure: { http: true } });

    expect(host.warnings).toEqual([
      expect.stringContaining('"example.com" is asked over plain HTTP'),
    ]);
  });

  it.each([
    ['example.com/app', { name: 'example.com/other' }, 'IMAGE_NAME_MISMATCH'],
    ['example.com/app:2.0', { name: 'example.com/app', version: '1.0' }, 'IMAGE_LABEL_MISMATCH'],
    ['example.com/app,channel=beta', { name: 'example.com/app' }, 'IMAGE_LABEL_MISMATCH'],
    ['example.com/app,arch=aarch64', { name: 'example.com/app' }, 'IMAGE_LABEL_MISMATCH'],
  ])('refuses for "%s" the image %j', async (text, image, code) => {
    await host.publish(image, { path: '/x.aci' });
    host.server.on(
      'example.com/app',
      discoveryPage({ aci: [['example.com', 'https://example.com/x.{ext}']] }),
    );

    await expect(host.fetch(text)).rejects.toMatchObject({ code });
    expect(host.store.list()).toEqual([]);
  });
});

describe('fetchImage() by pull policy', () => {
  it('new: asks nobody for what the store has', async () => {
    await host.publish(APP);
    const first = await host.fetch('example.com/app');
    host.server.reset();

    expect(await host.fetch('example.com/app')).toEqual({ ...first, fetched: false });
    expect(host.server.seen).toEqual([]);
  });

  it('new: fetches again what was accepted insecurely', async () => {
    await host.publish(APP);
    await host.fetch('example.com/app', { insecure: { image: true } });

    const { key, fetched } = await host.fetch('example.com/app');

    expect(fetched).toBe(true);
    expect(host.store.record(key)?.accepted.how).toBe('signed');
  });

  it('never: takes what the store has and asks nobody', async () => {
    await expect(host.fetch('example.com/app', { pullPolicy: 'never' })).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
    await host.publish(APP);
    const { key } = await host.fetch('example.com/app');
    host.server.reset();

    expect(await host.fetch('example.com/app', { pullPolicy: 'never' })).toMatchObject({ key });
    expect(host.server.seen).toEqual([]);
  });

  it('update: fetches nothing when the ETag is the same', async () => {
    const { path } = await host.publish(APP, { file: { etag: '"1"' } });
    const { key } = await host.fetch('example.com/app');

    const again = await host.fetch('example.com/app', { pullPolicy: 'update' });

    expect(again).toMatchObject({ key, fetched: false });
    expect(host.server.count(path)).toBe(2);
    expect(host.server.seen.at(-1)?.headers['if-none-match']).toBe('"1"');
  });

  it('update: fetches what has changed', async () => {
    await host.publish(APP, { file: { etag: '"1"' } });
    const first = await host.fetch('example.com/app');
    await host.publish({ ...APP, version: '2.0' }, { file: { etag: '"2"' } });

    const second = await host.fetch('example.com/app', { pullPolicy: 'update' });

    expect(second.fetched).toBe(true);
    expect(second.key).not.toBe(first.key);
    expect(host.store.findByName('example.com/app' as never, [])?.key).toBe(second.key);
  });

  it('update: asks the server for the image no more until its age is reached, nor again after a 304', async () => {
    const { path } = await host.publish(APP, { file: { etag: '"1"', maxAge: 60 } });
    await host.fetch('example.com/app');
    const update = async (after: number): Promise<number> => {
      host.now += after;
      await host.fetch('example.com/app', { pullPolicy: 'update' });
      return host.server.count(path);
    };

    expect(await update(59_000)).toBe(1);
    expect(await update(2_000)).toBe(2);
    expect(await update(59_000)).toBe(2);
    expect(await update(2_000)).toBe(3);
  });

  it('update: does not let a 304 stand for an image that is not verified', async () => {
    await host.publish(APP, { file: { etag: '"1"', maxAge: 60 } });
    await host.fetch('example.com/app', { insecure: { image: true } });

    const { key, fetched } = await host.fetch('example.com/app', { pullPolicy: 'update' });

    expect(fetched).toBe(true);
    expect(host.store.record(key)?.accepted.how).toBe('signed');
  });
});

describe('fetchImage() of an image whose archive is lost or cut', () => {
  it.each([
    ['new', (path: string) => rmSync(path)],
    ['update', (path: string) => rmSync(path)],
    ['update', (path: string) => truncateSync(path, 100)],
  ] as const)('%s: fetches it again', async (pullPolicy, harm) => {
    await host.publish(APP, { file: { etag: '"1"', maxAge: 60 } });
    const { key } = await host.fetch('example.com/app');
    harm(host.store.blobPath(key));

    expect(await host.fetch('example.com/app', { pullPolicy })).toMatchObject({ fetched: true });
    await host.store.verifyBlobs(key);
  });
});

describe('fetchImage() of an URL', () => {
  it('fetches the archive and the signature beside it', async () => {
    const { path } = await host.publish(APP);

    const { key } = await host.fetch(`${host.server.origin}${path}`);

    expect(host.store.record(key)?.latest).toBe(false);
    expect(host.server.count(`${path}.asc`)).toBe(1);
  });

  it('keeps credentials of the URL out of records and sends them to its origin', async () => {
    const { path } = await host.publish(APP);
    const url = `${host.server.origin.replace('//', '//me:secret@')}${path}`;

    const { key } = await host.fetch(url);

    expect(host.server.seen.at(-1)?.headers.authorization).toBe(
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
    );
    expect(JSON.stringify(host.store.record(key))).not.toContain('secret');
    expect(host.store.remote(`${host.server.origin}${path}`)?.key).toBe(key);
  });

  it('refuses plain HTTP', async () => {
    await expect(host.fetch(`${host.server.plainOrigin}/a.aci`)).rejects.toMatchObject({
      code: 'FETCH_INSECURE',
    });
  });

  it('refuses a certificate nobody vouches for, and takes it with leave and a warning', async () => {
    const { path } = await host.publish(APP);
    const http = { ...host.http, certificateFiles: [] };
    const url = `${host.server.origin}${path}`;

    await expect(host.fetch(url, { http })).rejects.toMatchObject({ code: 'FETCH_TLS' });
    await host.fetch(url, { http, insecure: { tls: true } });

    expect(host.warnings).toEqual([
      expect.stringMatching(/the certificate of "localhost:\d+" is not checked/),
    ]);
  });
});

describe('fetchImage() of a file', () => {
  const write = (name: string, data: Uint8Array): string => {
    const path = join(host.dir, name);
    writeFileSync(path, data);
    return path;
  };

  it('reads archive and signature', async () => {
    const data = tinyAci(APP);
    const path = write('app.aci', data);
    write('app.aci.asc', await host.key.sign(data));

    const { key, fetched } = await host.fetch(path, { pullPolicy: 'never' });

    expect(fetched).toBe(true);
    expect(host.store.record(key)?.accepted).toMatchObject({ how: 'signed', source: path });
  });

  it('says so when a signature that is given is not looked at', async () => {
    await host.publish(APP);
    await host.fetch('example.com/app');
    await host.fetch('example.com/app', { signature: '/no/such' });

    expect(host.warnings).toEqual([expect.stringContaining('"/no/such" is not looked at')]);
  });

  it('takes the signature that is given', async () => {
    const data = tinyAci(APP);
    const path = write('given.aci', data);
    const signature = write('elsewhere.asc', await host.key.sign(data, { armored: false }));

    expect(await host.fetch(path, { signature })).toMatchObject({ fetched: true });
  });

  it('refuses one without signature, and takes it with leave and a warning', async () => {
    const path = write('unsigned.aci', tinyAci(APP));

    await expect(host.fetch(path)).rejects.toMatchObject({ code: 'SIGNATURE_MISSING' });
    const { key } = await host.fetch(path, { insecure: { image: true } });

    expect(host.store.record(key)?.accepted.how).toBe('insecure');
    expect(host.warnings).toEqual([expect.stringContaining('is not checked')]);
  });

  it('takes one that the caller vouches for, without a warning', async () => {
    const path = write('stage1.aci', tinyAci(APP));

    const { key } = await host.fetch(path, { acceptAs: 'builtin' });

    expect(host.store.record(key)?.accepted.how).toBe('builtin');
    expect(host.warnings).toEqual([]);
  });

  it('refuses what is no file', async () => {
    mkdirSync(join(host.dir, 'folder.aci'), { recursive: true });

    for (const path of [join(host.dir, 'folder.aci'), '/nowhere.aci', '/dev/zero']) {
      await expect(host.fetch(path)).rejects.toMatchObject({ code: 'IMAGE_FILE_UNREADABLE' });
    }
  });
});

describe('fetchImage() of a hash', () => {
  it('looks in the store only', async () => {
    await host.publish(APP);
    const { key } = await host.fetch('example.com/app');

    expect(await host.fetch(key.slice(0, 20))).toMatchObject({ key, fetched: false });
    await expect(host.fetch('sha512-00')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});
