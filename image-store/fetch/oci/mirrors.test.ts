import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createLog } from '#base/log/log';
import { breakAfter, file, redirect, status } from '../../../test/doubles/image-server.ts';
import {
  type FetchHost,
  type FetchWish,
  startFetchHost,
} from '../../../test/helpers/fetch-host.ts';
import { BASE_LAYER, TOP_LAYER } from '../../../test/helpers/oci-host.ts';
import {
  makeLayout,
  type TestLayout,
  type WrittenImage,
} from '../../../test/helpers/oci-layout.ts';
import { serveImage } from '../../../test/helpers/served-image.ts';

let host: FetchHost;
let layout: TestLayout;
let image: WrittenImage;
let configDir: string;
beforeAll(async () => {
  host = await startFetchHost();
  configDir = join(host.dir, 'config');
  layout = makeLayout(join(host.dir, 'layout'));
  image = layout.image({ layers: [BASE_LAYER, TOP_LAYER] });
});
beforeEach(() => {
  host.reset();
  rmSync(configDir, { recursive: true, force: true });
  mkdirSync(configDir);
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

/** Serves the image from a place, but for what is named. */
const serve = (place: string, without: readonly string[] = []): void =>
  serveImage(host.server, { layout, written: image }, { place, without });
const readBlob = (digest: string): Buffer => readFileSync(layout.blobPath(digest));
const configure = (...lines: readonly string[]): void =>
  writeFileSync(join(configDir, 'registries.conf'), lines.join('\n'));
const fetch = async (text: string, wish: FetchWish = {}) =>
  await host.fetch(text, { configDirs: [configDir], insecure: { image: true }, ...wish });
const seen = (name: string): number =>
  host.server.seen.filter(({ target }) => target.startsWith(name)).length;

const [PRIMARY, MIRROR] = ['example.org/v2/team/app', 'example.com/v2/mirror/team/app'];
const MIRRORED = [
  '[[registry]]',
  'location = "example.org"',
  '[[registry.mirror]]',
  'location = "example.com/mirror"',
];

describe('an image that has mirrors', () => {
  it('comes from the first, under the name that was asked for', async () => {
    serve(MIRROR);
    configure(...MIRRORED);
    const told: string[] = [];
    const log = createLog(({ message }) => void told.push(message));
    const { key } = await fetch('docker://example.org/team/app:1', { log });

    expect(seen('example.org')).toBe(0);
    expect(host.store.record(key)).toMatchObject({
      name: 'example.org/team/app',
      accepted: { source: 'docker://example.org/team/app:1' },
      origin: { reference: 'example.org/team/app:1' },
    });
    expect(told).toContain(
      'image "docker://example.org/team/app:1" comes from "example.com/mirror/team/app"',
    );
    await fetch('docker://example.org/team/app:1');
    expect(seen(MIRROR)).toBe(4);
  });

  it.each([
    ['does not have it', status(404)],
    ['does not want to', status(403)],
    [
      'sends something else',
      file('{"schemaVersion":2}', {
        headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` },
      }),
    ],
    ['sends in circles', redirect('https://example.com/v2/mirror/team/app/manifests/1')],
    ['is out of order', status(500)],
  ])('comes from the registry itself when a mirror %s', async (what, behaviour) => {
    serve(PRIMARY);
    host.server.on(`${MIRROR}/manifests/1`, behaviour);
    configure(...MIRRORED);
    await fetch('docker://example.org/team/app:1');
    // Not time and again, even where that may help.
    expect(seen(MIRROR)).toBeLessThanOrEqual(what === 'sends in circles' ? 11 : 1);
    expect(seen(PRIMARY)).toBe(4);
  });

  it('has its missing parts from the next', async () => {
    const [, top] = image.manifest.layers.map(({ digest }) => digest);
    serve(MIRROR, [top ?? '']);
    serve(PRIMARY);
    configure(...MIRRORED);
    await fetch('docker://example.org/team/app:1');
    expect(host.server.seen.filter(({ target }) => target.startsWith(PRIMARY))).toMatchObject([
      { target: `${PRIMARY}/blobs/${top}` },
    ]);
  });

  it('is refused with what each place said when none has it', async () => {
    configure(...MIRRORED);
    await expect(fetch('docker://example.org/team/app:1')).rejects.toMatchObject({
      code: 'FETCH_NOT_FOUND',
      message: expect.stringMatching(
        /^cannot fetch image "docker:\/\/example.org\/team\/app:1" from any of its places: cannot fetch "https:\/\/example.com.*404; cannot fetch "https:\/\/example.org.*404$/,
      ) as unknown,
    });
  });

  it('is not asked for elsewhere when a mirror sends what is not good', async () => {
    const [base] = image.manifest.layers.map(({ digest }) => digest);
    serve(MIRROR);
    const wrong = readBlob(base ?? '').fill(1, 4, 8);
    host.server.on(`${MIRROR}/blobs/${base}`, file(wrong));
    serve(PRIMARY);
    configure(...MIRRORED);
    await expect(fetch('docker://example.org/team/app:1')).rejects.toMatchObject({
      code: 'IMAGE_DIGEST_MISMATCH',
    });
    expect(seen(PRIMARY)).toBe(0);
    expect(host.store.list()).toEqual([]);
  });

  it('is moved, and blocked, as is said', async () => {
    serve(MIRROR);
    configure(
      '[[registry]]',
      'prefix = "example.org/team"',
      'location = "example.com/mirror/team"',
    );
    await fetch('docker://example.org/team/app:1');
    expect(seen('example.org')).toBe(0);
    configure('[[registry]]', 'location = "example.org"', 'blocked = true');
    await expect(
      fetch('docker://example.org/team/app:1', { pullPolicy: 'update' }),
    ).rejects.toMatchObject({ code: 'REGISTRY_BLOCKED' });
  });

  it('goes on at a mirror that breaks off', async () => {
    const [base = ''] = image.manifest.layers.map(({ digest }) => digest);
    serve(MIRROR);
    const blob = readBlob(base);
    const etag = '"x"';
    host.server.on(`${MIRROR}/blobs/${base}`, breakAfter(blob, 9, { etag }), file(blob, { etag }));
    configure(...MIRRORED);
    await fetch('docker://example.org/team/app:1');
    expect(seen(PRIMARY)).toBe(0);
  });

  it('is refused whatever it would come from when the file has an error', async () => {
    serve(PRIMARY);
    configure('[[registry]]', 'location = 1');
    await expect(fetch('docker://example.org/team/app:1')).rejects.toThrow(
      /registries.conf", line 2/,
    );
    expect(host.server.seen).toEqual([]);
  });
});

describe('who one is', () => {
  it('is told to each registry by its own name alone', async () => {
    serve(PRIMARY);
    const basic = (user: string): string => `Basic ${Buffer.from(`${user}:x`).toString('base64')}`;
    const ask = status(401, { 'www-authenticate': 'Basic realm="x"' });
    host.server.on(`${MIRROR}/manifests/1`, ask);
    const manifest = file(readBlob(image.descriptor.digest), {
      headers: { 'content-type': image.descriptor.mediaType },
    });
    host.server.on(`${PRIMARY}/manifests/1`, (request, response) => {
      (request.headers.authorization === basic('primary') ? manifest : ask)(request, response);
    });
    configure(...MIRRORED);
    const logins = (...names: readonly string[]) => ({
      logins: async () =>
        await Promise.resolve({
          configured: names.map((registry) => ({
            registry,
            user: registry === 'example.org' ? 'primary' : 'mirror',
            password: 'x',
          })),
          files: [],
          exec: nodeExec,
          env: {},
        }),
    });
    const toldTo = (name: string) =>
      host.server.seen
        .filter(({ target }) => target.startsWith(name))
        .map(({ headers }) => headers.authorization)
        .filter((proof) => proof !== undefined);

    await fetch('docker://example.org/team/app:1', logins('example.org'));
    expect(toldTo('example.com')).toEqual([]);
    expect(new Set(toldTo('example.org'))).toEqual(new Set([basic('primary')]));
    host.server.seen.length = 0;
    const again = { pullPolicy: 'update' as const, ...logins('example.org', 'example.com') };
    await fetch('docker://example.org/team/app:1', again);
    expect(new Set(toldTo('example.com'))).toEqual(new Set([basic('mirror')]));
  });
});

describe('a short name', () => {
  const SEARCH = 'unqualified-search-registries = ["example.com", "example.org"]';

  it('is looked for in the registries in their order, the store first', async () => {
    serve(PRIMARY);
    configure(SEARCH);
    const { key } = await fetch('docker://team/app:1');
    expect(seen('example.com')).toBe(1);
    expect(host.store.record(key)?.name).toBe('example.org/team/app');
    host.server.seen.length = 0;
    expect((await fetch('docker://team/app:1')).key).toBe(key);
    expect(host.server.seen).toEqual([]);
    await expect(fetch('docker://team/other', { pullPolicy: 'never' })).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
    });
  });

  it('means what an alias says', async () => {
    serve(PRIMARY);
    configure(SEARCH, '[aliases]', 'app = "example.org/team/app"');
    const { key } = await fetch(`docker://app@${image.descriptor.digest}`);
    expect(host.store.record(key)?.origin?.reference).toBe(
      `example.org/team/app@${image.descriptor.digest}`,
    );
    expect(seen('example.com')).toBe(0);
  });

  it('is not made good by another registry when one has it and it is refused', async () => {
    const place = 'example.com/v2/team/app';
    serve(place, [image.manifest.config.digest]);
    serve(PRIMARY);
    configure(SEARCH);
    await expect(fetch('docker://team/app:1')).rejects.toMatchObject({ code: 'FETCH_NOT_FOUND' });
    expect(seen(PRIMARY)).toBe(0);
    const policy = { default: [{ type: 'reject' }] };
    writeFileSync(join(configDir, 'policy.json'), JSON.stringify(policy));
    await expect(
      fetch('docker://team/app:1', { insecure: { image: false } }),
    ).rejects.toMatchObject({ code: 'IMAGE_REJECTED' });
  });

  it('is refused where nothing says what it means', async () => {
    await expect(fetch('docker://nginx')).rejects.toMatchObject({
      code: 'IMAGE_NAME_SHORT',
      hint: expect.stringContaining(join(configDir, 'registries.conf')) as unknown,
    });
  });
});

describe('an insecure registry', () => {
  const local = (): string => new URL(host.server.origin).host;
  const plain = (): string => new URL(host.server.plainOrigin).host;
  const insecure = (location: string): void =>
    configure('[[registry]]', `location = "${location}"`, 'insecure = true');
  const strange = () => ({ http: { ...host.http, certificateFiles: [] } });

  it('needs no good certificate, nor TLS, and is warned of each time', async () => {
    serve('/v2/team/app');
    await expect(fetch(`docker://${local()}/team/app:1`, strange())).rejects.toMatchObject({
      code: 'FETCH_TLS',
    });
    insecure(local());
    await fetch(`docker://${local()}/team/app:1`, strange());
    expect(host.warnings).toContain(`the certificate of "${local()}" is not checked`);

    insecure(plain());
    await fetch(`docker://${plain()}/team/app:1`, strange());
    expect(host.warnings.join('\n')).toContain(`"${plain()}" is asked over plain HTTP`);
  });

  it('has no password told to a server of tokens that is not called insecure too', async () => {
    const asked = async (place: string, realm: string) => {
      const challenge = { 'www-authenticate': `Bearer realm="${realm}"` };
      host.server.on('/v2/team/app/manifests/1', status(401, challenge));
      host.server.on('/token', file('{"token":"T"}'));
      insecure(place);
      const login = { registry: place, user: 'me', password: 'secret' };
      const sources = { configured: [login], files: [], exec: nodeExec, env: {} };
      const logins = async () => await Promise.resolve(sources);
      const fetching = fetch(`docker://${place}/team/app:1`, { ...strange(), logins });
      return await fetching.catch((error: unknown) => (error as { code: string }).code);
    };

    expect(await asked(local(), 'https://example.com/token')).toBe('FETCH_TLS');
    expect(await asked(plain(), 'http://example.com/token')).toBe('FETCH_INSECURE');
    expect(seen('example.com')).toBe(0);
    // The registry's own is as insecure as the registry.
    expect(await asked(local(), `https://${local()}/token`)).toBe('FETCH_DENIED');
    expect(seen(`${local()}/token`)).toBe(1);
  });

  it('makes no other insecure: not its mirrors, nor whom it sends to', async () => {
    serve('/v2/team/app');
    configure(
      '[[registry]]',
      `location = "${local()}"`,
      'insecure = true',
      '[[registry.mirror]]',
      'location = "example.com/mirror"',
    );
    serve(MIRROR);
    await fetch(`docker://${local()}/team/app:1`, strange());
    expect(seen('example.com')).toBe(0);

    host.reset();
    const [base = ''] = image.manifest.layers.map(({ digest }) => digest);
    serve('/v2/team/app');
    host.server.on(`/v2/team/app/blobs/${base}`, redirect('https://example.com/blob'));
    host.server.on('example.com/blob', file(readBlob(base)));
    insecure(local());
    await expect(fetch(`docker://${local()}/team/app:1`, strange())).rejects.toMatchObject({
      code: 'FETCH_TLS',
    });
    expect(seen('example.com')).toBe(0);
  });
});
