import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import { causeChain } from '#base/errors/gantry-error';
import { imageKeyOf, parseImageKey } from '#schema/types/image-hash';
import { createHash } from 'node:crypto';
import { type FetchHost, startFetchHost } from '../../test/helpers/fetch-host.ts';
import { file, status } from '../../test/doubles/image-server.ts';
import { type TinyAci, tinyAci } from '../../test/helpers/tiny-aci.ts';

let host: FetchHost;
beforeAll(async () => {
  host = await startFetchHost();
});
beforeEach(() => host.reset());
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const name = (short: string): string => `example.com/${short}`;

/** Publishes images that depend on each other, by their short names. */
async function publishAll(graph: Readonly<Record<string, readonly string[]>>): Promise<void> {
  for (const [short, needs] of Object.entries(graph)) {
    await host.publish(dependingOn(short, needs));
  }
}

function dependingOn(short: string, needs: readonly string[] = []): TinyAci {
  const dependencies = needs.map((need) => ({ imageName: name(need) }));

  return { name: name(short), manifest: { dependencies } };
}

const namesOf = (keys: readonly string[]): readonly string[] =>
  keys.map((key) => host.store.manifest(parseImageKey(key)).name.replace('example.com/', ''));

describe('fetchImage() with dependencies', () => {
  it('fetches all of them, each once, nearest first', async () => {
    await publishAll({ app: ['a', 'b'], a: ['base', 'c'], b: ['base'], c: ['base'], base: [] });

    const { dependencies } = await host.fetch(name('app'));

    expect(namesOf(dependencies)).toEqual(['a', 'b', 'base', 'c']);
    expect(host.server.count('/example.com-base.aci')).toBe(1);
  });

  it('keeps them from being collected until all are there', async () => {
    await publishAll({ app: ['kept', 'slow'], kept: [], slow: [] });
    await host.fetch(name('kept'));
    const data = gzipSync(tinyAci({ name: name('slow'), manifest: { dependencies: [] } }));
    host.server.on('/example.com-slow.aci', (request, response) => {
      void host.store
        .gc({ graceMs: 0, inUse: () => ({ images: new Set(), trees: new Set() }) })
        .then(({ images }) => {
          collected.push(...images);
          file(data)(request, response);
        });
    });
    const collected: string[] = [];

    const { key, dependencies } = await host.fetch(name('app'));

    expect(collected).toEqual([]);
    expect(namesOf([key, ...dependencies])).toEqual(['app', 'kept', 'slow']);
    await host.store.gc({ graceMs: 0, inUse: () => ({ images: new Set(), trees: new Set() }) });
    expect(host.store.list()).toEqual([]);
  });

  it('leaves them when they are not wanted', async () => {
    await publishAll({ app: ['a'] });

    expect(await host.fetch(name('app'), { withDependencies: false })).toMatchObject({
      dependencies: [],
    });
  });

  it.each([
    ['itself', { app: ['app'] }],
    ['a circle', { app: ['a', 'b'], a: ['b'], b: ['a'] }],
    ['a long circle', { app: ['a'], a: ['b'], b: ['c'], c: ['app'] }],
  ])('refuses an image that depends on %s', async (_, graph) => {
    await publishAll(graph);

    await expect(host.fetch(name('app'))).rejects.toMatchObject({
      code: 'IMAGE_DEPENDENCY_CYCLE',
      message: expect.stringMatching(/"example.com\/\w+" needs "example.com\/\w+"/),
    });
  });

  it('refuses more of them than the limit', async () => {
    await publishAll({ app: ['a', 'b', 'c'], a: [], b: [], c: [] });

    await expect(host.fetch(name('app'), { limits: { maxDependencies: 2 } })).rejects.toMatchObject(
      { code: 'IMAGE_TOO_MANY_DEPENDENCIES' },
    );
  });

  it('verifies each by the key of its own name', async () => {
    await host.publish({ name: 'example.org/lib' });
    const dependencies = [{ imageName: 'example.org/lib' }];
    await host.publish({ name: name('app'), manifest: { dependencies } });

    await expect(host.fetch(name('app'))).rejects.toMatchObject({ code: 'KEY_WRONG_SCOPE' });
  });

  it('asks for the labels and the hash that are demanded', async () => {
    const base = { name: name('base'), version: '2' };
    const key = imageKeyOf(createHash('sha512').update(tinyAci(base)).digest());
    const labels = [{ name: 'version', value: '2' }];
    const dependencies = [{ imageName: name('base'), imageID: key, labels }];
    await host.publish(base);
    await host.publish({ name: name('app'), manifest: { dependencies } });

    expect((await host.fetch(name('app'))).dependencies).toEqual([key]);
  });

  it('asks no server for one that is named by its hash and in the store', async () => {
    const base = { name: name('base') };
    const key = imageKeyOf(createHash('sha512').update(tinyAci(base)).digest());
    const dependencies = [{ imageName: name('base'), imageID: key }];
    await host.publish(base);
    await host.fetch(name('base'));
    await host.publish({ name: name('app'), manifest: { dependencies } });

    await host.fetch(name('app'), { pullPolicy: 'update' });

    expect(host.server.count('/example.com-base.aci')).toBe(1);
  });

  it('refuses another one than was demanded by hash', async () => {
    const dependencies = [{ imageName: name('base'), imageID: `sha512-${'0'.repeat(64)}` }];
    await host.publish({ name: name('base') });
    await host.publish({ name: name('app'), manifest: { dependencies } });

    await expect(host.fetch(name('app'))).rejects.toMatchObject({
      code: 'IMAGE_DEPENDENCY_MISMATCH',
    });
  });

  it('refuses one of another size than was demanded', async () => {
    const base = { name: name('base') };
    await host.publish(base);
    const size = gzipSync(tinyAci(base)).length;
    for (const [wrong, isGood] of [
      [size + 1, false],
      [size, true],
    ] as const) {
      const dependencies = [{ imageName: name('base'), size: wrong }];
      await host.publish({ name: name('app'), manifest: { dependencies } });
      const fetching = host.fetch(name('app'), { pullPolicy: 'update' });

      if (isGood) await fetching;
      else await expect(fetching).rejects.toMatchObject({ code: 'IMAGE_SIZE_MISMATCH' });
    }
  });

  it('names who depends on one that has no signature, and what helps does help', async () => {
    await publishAll({ app: ['lib'], lib: ['base'], base: [] });
    const path = '/example.com-base.aci';
    const signature = join(host.dir, 'base.asc');
    writeFileSync(signature, await host.key.sign(gzipSync(tinyAci(dependingOn('base')))));
    host.server.on(`${path}.asc`, status(404));

    const pullPolicy = 'update';
    const failure = await host.fetch(name('app'), { pullPolicy }).catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 'SIGNATURE_MISSING',
      message: expect.stringMatching(
        /^cannot use image "example.com\/lib": it depends on "example.com\/base\S*", which cannot be had$/,
      ),
      hint: expect.stringMatching(
        /^fetch image "example.com\/base\S*" by itself first, with --signature, then go on with --pull-policy=new; or /,
      ),
    });
    expect(causeChain(failure)[1]).toContain('there is no signature at');
    await host.fetch(name('base'), { pullPolicy, signature });
    const { dependencies } = await host.fetch(name('app'), { pullPolicy: 'new' });
    expect(namesOf(dependencies)).toEqual(['lib', 'base']);
  });

  it('names who depends on one that is nowhere', async () => {
    await publishAll({ app: ['base'], base: [] });
    host.server.on('/example.com-base.aci', status(404));
    host.server.on('/example.com-base.aci.asc', status(404));

    await expect(host.fetch(name('app'))).rejects.toMatchObject({
      code: 'FETCH_NOT_FOUND',
      message: expect.stringContaining('cannot use image "example.com/app": it depends on'),
      hint: expect.stringMatching(/^tell the publisher of "example.com\/app", .*=new$/),
    });
  });

  it('never: takes them from the store', async () => {
    await publishAll({ app: ['a'], a: [] });
    await host.fetch(name('app'), { withDependencies: false });

    await expect(host.fetch(name('app'), { pullPolicy: 'never' })).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
    const { dependencies } = await host.fetch(name('app'));
    expect(await host.fetch(name('app'), { pullPolicy: 'never' })).toMatchObject({ dependencies });
  });
});
