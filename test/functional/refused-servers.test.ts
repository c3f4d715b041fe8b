import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Behaviour,
  breakAfter,
  discoveryPage,
  file,
  redirect,
  silence,
  stallAfter,
  status,
} from '../doubles/image-server.ts';
import { type Refusals, startRefusals } from '../helpers/refusals.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const image = { name: 'example.com/app', version: '1.0', files: { data: randomBytes(9000) } };
const archive = gzipSync(tinyAci(image));

let bench: Refusals;
let signature: Uint8Array;
beforeAll(async () => {
  bench = await startRefusals();
  signature = await bench.publisher.key.sign(archive);
  bench.limit({ 'server-seconds': 1 });
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Serves an image as told with a good signature, fetches it by its address and expects a refusal. */
async function refusesFrom(behaviour: Behaviour, message: RegExp): Promise<void> {
  const { server } = bench.publisher;
  server.on('/a.aci', behaviour);
  server.on('/a.aci.asc', file(signature));
  const talk = await bench.refused('fetch', `${server.origin}/a.aci`);

  expect(talk).toContain(`cannot fetch "${server.origin}/a.aci"`);
  expect(talk).toMatch(message);
}

const sends =
  (announced: number, body: Buffer): Behaviour =>
  (_request, response) => {
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${announced}\r\n\r\n`;
    response.socket?.end(Buffer.concat([Buffer.from(head), body]));
  };

describe('gantry fetch refuses a server that', () => {
  afterEach(() => {
    bench.publisher.server.reset();
  });

  it.each<readonly [string, Behaviour, RegExp]>([
    ['never answers', silence, /within 1 s\nhint: try again later/],
    ['stalls', stallAfter(archive, 100, { etag: '"1"' }), /too slow: \d+ bytes came in 1 s/],
    ['redirects for ever', (q, r) => redirect(q.url ?? '')(q, r), /redirected more than 10 times/],
    ['answers 500', status(500), /answered 500\nhint: try again later/],
    ['has no such file', status(404), /answered 404\nhint: look at the address/],
    [
      'wants to know who asks',
      status(401),
      /hint: put credentials for "localhost:\d+" into auth\.d/,
    ],
    [
      'sends less than announced',
      breakAfter(archive, 100, { etag: '"1"' }),
      /broke after 100 of \d+ bytes/,
    ],
    ['sends less and no version', sends(archive.length + 1, archive), /connection broke/],
    [
      'sends more than announced',
      sends(archive.length, Buffer.concat([archive, Buffer.from('more')])),
      /sent more than the \d+ bytes it announced/,
    ],
  ])('%s', async (_, behaviour, message) => {
    await refusesFrom(behaviour, message);
  });

  it('is not there', async () => {
    const talk = await bench.refused('fetch', 'https://localhost:1/a.aci');

    expect(talk).toMatch(/ECONNREFUSED\)\n +└─ connect ECONNREFUSED [^]*hint: look at the address/);
  });

  it('speaks plain HTTP', async () => {
    const talk = await bench.refused('fetch', `${bench.publisher.server.plainOrigin}/a.aci`);

    expect(talk).toMatch(/plain HTTP is not allowed\nhint: use HTTPS, or --insecure-options=http/);
  });

  it('has a certificate of nobody we know', async () => {
    const { machine, server } = bench.publisher;
    const env = { PATH: '/usr/bin:/bin', NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const result = await machine.gantry(['fetch', `${server.origin}/a.aci`], { env });

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(/the certificate of "localhost:\d+" is not good/);
    expect(result.stderr).not.toMatch(/request to|Node/);
    expect(result.stderr).toMatch(/hint: .*SSL_CERT_FILE, or use --insecure-options=tls/);
  });
});

describe('gantry fetch refuses an image by name', () => {
  beforeAll(async () => {
    const { publisher } = bench;
    await publisher.publish(image);
    const template = 'https://example.com/example.com-app.{ext}';
    publisher.server.on(
      'example.com/alias',
      discoveryPage({ aci: [['example.com/alias', template]] }),
    );
  });

  it.each([
    [
      'another name',
      'example.com/alias',
      /image "example\.com\/alias": what came is named "example\.com\/app"/,
    ],
    [
      'another version',
      'example.com/app:2.0',
      /version="2\.0" was asked for, what came has version="1\.0"/,
    ],
    ['no such label', 'example.com/app,channel=beta', /what came has no label "channel"/],
    ['another arch', 'example.com/app,arch=s390x', /what came has arch="amd64"/],
  ])('with %s than was asked for', async (_, name, message) => {
    expect(await bench.refused('fetch', name)).toMatch(message);
  });

  it('that no site tells of', async () => {
    const talk = await bench.refused('fetch', 'example.com/none');

    expect(talk).toContain('no page at "example.com/none" or above it says where it is\nhint: ');
  });

  it('that is in no store', async () => {
    expect(await bench.refused('fetch', '--pull-policy=never', image.name)).toMatch(
      /cannot find image "example\.com\/app.*": it is not in the store/,
    );
    expect(await bench.refused('fetch', 'sha512-abcd')).toMatch(/cannot find image "?sha512-abcd/);
  });
});
