import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type Behaviour,
  breakAfter,
  file,
  type ImageServer,
  redirect,
  stallAfter,
  startImageServer,
  status,
} from '../doubles/image-server.ts';
import { eventually } from '../helpers/eventually.ts';
import { tarOf } from '../helpers/hostile-tar.ts';
import { digestText, INDEX_TYPE, makeLayout, MANIFEST_TYPE } from '../helpers/oci-layout.ts';
import { type Refusals, startRefusals } from '../helpers/refusals.ts';
import { serveImage } from '../helpers/served-image.ts';

const PLACE = '/v2/team/app';
const PLENTY = 100_000;

let bench: Refusals;
let server: ImageServer;
/** Another origin. */
let other: ImageServer;
let image: string;
let layers: readonly string[];
let blobOf: (digest: string) => Buffer;
let serve: (without?: readonly string[]) => void;
beforeAll(async () => {
  bench = await startRefusals();
  ({ server } = bench.publisher);
  other = await startImageServer();
  bench.limit({ 'server-seconds': 1 });
  const layout = makeLayout(join(bench.publisher.machine.workDir, 'layout'));
  const written = layout.image({
    layers: ['a', 'b'].map((path) => tarOf({ path, body: randomBytes(PLENTY) })),
    packing: 'plain',
  });
  image = `docker://localhost:${new URL(server.origin).port}/team/app:1`;
  layers = written.manifest.layers.map(({ digest }) => digest);
  blobOf = (digest) => readFileSync(layout.blobPath(digest));
  serve = (without = []) => serveImage(server, { layout, written }, { place: PLACE, without });
});
beforeEach(async () => {
  server.reset();
  other.reset();
  serve();
  await gantry('image', 'gc', '--grace-period=0s');
});
afterAll(async () => {
  await other[Symbol.asyncDispose]();
  await bench[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]) => {
  const env = { ...bench.publisher.env, no_proxy: 'localhost' };
  return await bench.publisher.gantry(['--insecure-options=image,tls', ...args], { env });
};

/** Nothing is visible, nothing half-made lies about. @returns what is said */
async function refusal(): Promise<string> {
  const { exitCode, stdout, stderr } = await gantry('fetch', image);
  expect([exitCode, stdout.toString()]).toEqual([254, '']);
  const { machine } = bench.publisher;
  expect(readdirSync(join(machine.dataDir, 'cas', 'tmp'))).toEqual([]);
  expect((await gantry('image', 'list', '--no-legend')).stdout.toString()).toBe('');

  return stderr;
}

const layerAt = (index: number): string => layers[index] ?? '';
const blobPlace = (index: number): string => `${PLACE}/blobs/${layerAt(index)}`;
const manifestOf = (text: string, type = MANIFEST_TYPE): Behaviour =>
  file(text, { headers: { 'content-type': type } });

/** An index that leads to another one, which leads to another, all of their own digests. */
function serveIndexes(count: number): void {
  let digest = digestText(Buffer.from('the end'));
  for (let left = count; left > 0; left -= 1) {
    const entry = { mediaType: INDEX_TYPE, digest, size: PLENTY };
    const text = JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [entry] });
    const padded = text.padEnd(PLENTY);
    digest = digestText(Buffer.from(padded));
    server.on(`${PLACE}/manifests/${digest}`, manifestOf(padded, INDEX_TYPE));
    if (left === 1) server.on(`${PLACE}/manifests/1`, manifestOf(padded, INDEX_TYPE));
  }
}

describe('gantry fetch refuses a registry that', () => {
  it.each<[string, () => void, RegExp]>([
    [
      'gives other bytes for a layer',
      () => {
        const bytes = blobOf(layerAt(1));
        server.on(blobPlace(1), file(bytes.fill('x', 600, 700)));
      },
      /cannot accept layer sha256:\w+ of .*: .*digest/,
    ],
    [
      'gives less of a layer than it says',
      () => server.on(blobPlace(1), file(blobOf(layerAt(1)).subarray(0, -600))),
      /cannot accept layer .*: it should have \d+ bytes and has \d+/,
    ],
    [
      'gives more of a layer than it says',
      () => server.on(blobPlace(1), file(Buffer.concat([blobOf(layerAt(1)), Buffer.alloc(512)]))),
      /more than/,
    ],
    [
      'announces a manifest of 100 MB',
      () =>
        server.on(`${PLACE}/manifests/1`, (_request, response) => {
          response.writeHead(200, { 'content-length': 100_000_000 }).write('{');
        }),
      /more than 4194304 bytes/,
    ],
    [
      'sends a manifest of 100 MB without saying so',
      () =>
        server.on(`${PLACE}/manifests/1`, (_request, response) => {
          const more = (): void => {
            while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
          };
          response.on('drain', more).writeHead(200);
          more();
        }),
      /more than 4194304 bytes/,
    ],
    [
      'has an index that lists itself',
      () => {
        // Of no index can this be true, and so it is found out.
        const entry = { mediaType: INDEX_TYPE, digest: digestText(Buffer.from('it')), size: 7 };
        const text = JSON.stringify({
          schemaVersion: 2,
          mediaType: INDEX_TYPE,
          manifests: [entry],
        });
        server.on(`${PLACE}/manifests/1`, manifestOf(text, INDEX_TYPE));
        server.on(`${PLACE}/manifests/${entry.digest}`, manifestOf(text, INDEX_TYPE));
      },
      /has the digest|has \d+ bytes/,
    ],
    [
      'has indexes in indexes without end',
      () => serveIndexes(20),
      /indexes in indexes, more than \d+ deep/,
    ],
    [
      'stalls in the middle of a layer',
      () => server.on(blobPlace(0), stallAfter(blobOf(layerAt(0)), 1000, { etag: '"1"' })),
      /too slow: \d+ bytes came in 1 s/,
    ],
    [
      'wants to know who asks, again and again',
      () => {
        const login = { 'www-authenticate': `Bearer realm="${server.origin}/token"` };
        server.on(`${PLACE}/manifests/1`, status(401, login));
        server.on('/token', file('{"token":"never right"}'));
      },
      /answered 401/,
    ],
    [
      'lies about the part that it sends',
      () =>
        server.on(
          blobPlace(0),
          breakAfter(blobOf(layerAt(0)), 1000, { etag: '"1"' }),
          (_request, response) => {
            const range = `bytes 5-${PLENTY}/${PLENTY}`;
            response.writeHead(206, { 'content-range': range, etag: '"1"' }).end('lie');
          },
        ),
      /asked for what follows byte 1000, the server gave "bytes 5-/,
    ],
  ])('%s', async (_what, make, message) => {
    make();
    expect(await refusal()).toMatch(message);
  });

  it('sends elsewhere, where nobody is told who asks', async () => {
    const asks = status(401, { 'www-authenticate': 'Basic realm="x"' });
    server.on(`${PLACE}/manifests/1`, asks, redirect(`${other.origin}/manifest`));
    other.on('/manifest', asks);
    const auth = Buffer.from('me:secret').toString('base64');
    const home = { REGISTRY_AUTH_FILE: join(bench.publisher.machine.workDir, 'auth.json') };
    const { host } = new URL(server.origin);
    writeFileSync(home.REGISTRY_AUTH_FILE, JSON.stringify({ auths: { [host]: { auth } } }));
    const env = { ...bench.publisher.env, no_proxy: 'localhost', ...home };
    const args = ['--insecure-options=image,tls', 'fetch', image];
    expect((await bench.publisher.gantry(args, { env })).exitCode).toBe(254);
    expect(server.seen.map(({ headers }) => headers.authorization)).toContain(`Basic ${auth}`);
    expect(other.seen).not.toEqual([]);
    expect(other.seen.map(({ headers }) => headers.authorization)).not.toContain(`Basic ${auth}`);
  });
});

describe('layers that came before a fetch ended', () => {
  const isKept = (index: number): boolean => {
    const name = layerAt(index).replace(':', '-');
    const folder = join(bench.publisher.machine.dataDir, 'cas/blob', name.slice(0, 6));
    return statSync(join(folder, name.slice(7, 9), name), { throwIfNoEntry: false }) !== undefined;
  };
  const untilKept = async (index: number): Promise<void> => {
    await eventually('the layer', async () => await Promise.resolve(isKept(index)));
  };
  const asked = (index: number): number =>
    server.seen.filter(({ target }) => target.endsWith(layerAt(index))).length;

  it('by a failure are not asked for again', async () => {
    server.on(blobPlace(1), (request, response) => {
      void untilKept(0).then(() => status(404)(request, response));
    });
    expect(await refusal()).toContain(layerAt(1));
    server.reset();
    serve();
    expect(await gantry('fetch', image)).toMatchObject({ exitCode: 0 });
    expect([asked(0), asked(1)]).toEqual([0, 1]);
    const { stdout } = await gantry('image', 'list', '--no-legend', '--fields=id');
    await gantry('image', 'rm', stdout.toString().trim());
  });

  it('by SIGKILL are not either, and nothing stays of the rest', async () => {
    server.on(blobPlace(1), stallAfter(blobOf(layerAt(1)), 1000));
    const { machine, env } = bench.publisher;
    const program = machine.start(['--insecure-options=image,tls', 'fetch', image], {
      env: { ...env, no_proxy: 'localhost' },
    });
    program.stdout.resume();
    await untilKept(0);
    program.kill('SIGKILL');
    await program.ended;
    server.reset();
    serve();
    expect(await gantry('fetch', image)).toMatchObject({ exitCode: 0 });
    expect([asked(0), asked(1)]).toEqual([0, 1]);
    expect(readdirSync(join(machine.dataDir, 'cas', 'tmp'))).toEqual([]);
  });
});
