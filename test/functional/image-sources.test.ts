import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { discoveryPage, file } from '../doubles/image-server.ts';
import { type Refusals, startRefusals } from '../helpers/refusals.ts';
import { requires } from '../helpers/requires.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const app = { name: 'example.com/app', version: '1.0', files: { a: 'x'.repeat(20_000) } };

let bench: Refusals;
beforeAll(async () => {
  bench = await startRefusals();
  await bench.publisher.publish(app);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]): Promise<ExecResult> => {
  const env = { ...bench.publisher.env, no_proxy: 'localhost' };
  return await bench.publisher.gantry(args, { env });
};
const out = (result: ExecResult): string => {
  expect(result).toMatchObject({ exitCode: 0 });
  return result.stdout.toString();
};
const seen = (): readonly string[] =>
  bench.publisher.server.seen.splice(0).map(({ target }) => target);

describe('gantry fetch takes an image from', () => {
  it('a name, an address, a file, a file URL and its key, all the same image', async () => {
    const path = await bench.publisher.save(app);
    const [key = '', ...others] = out(
      await gantry(
        'fetch',
        '--full',
        app.name,
        'example.com/app:1.0',
        'example.com/app,version=1.0,os=linux',
        `${bench.publisher.server.origin}/example.com-app.aci`,
        path,
        `file://${path}`,
      ),
    )
      .trim()
      .split('\n');

    expect(key).toMatch(/^sha512-[0-9a-f]{64}$/);
    expect(others).toEqual([key, key, key, key, key]);
    seen();
    expect(out(await gantry('fetch', '--full', key.slice(0, 20)))).toBe(`${key}\n`);
    expect(seen()).toEqual([]);
  });

  it('the first of several places that works', async () => {
    const { server, key } = bench.publisher;
    const data = gzipSync(tinyAci({ name: 'example.com/many' }));
    server.on(
      'example.com/many',
      discoveryPage({
        aci: [
          ['example.com/many', 'https://example.com/gone/{version}.{ext}'],
          ['example.com/many', 'https://example.com/many-{os}-{arch}.{ext}'],
        ],
      }),
    );
    server.on('/many-linux-amd64.aci', file(data));
    server.on('/many-linux-amd64.aci.asc', file(await key.sign(data)));

    out(await gantry('fetch', 'example.com/many,arch=amd64'));
    expect(seen()).toContain('example.com/gone/latest.aci.asc');
  });

  it('a server without its signature when that is given', async () => {
    const { server, key, machine } = bench.publisher;
    const data = gzipSync(tinyAci({ name: 'example.com/apart' }));
    const signature = join(machine.workDir, 'apart.asc');
    writeFileSync(signature, await key.sign(data, { armored: false }));
    server.on('/apart.aci', file(data));
    const url = `${server.origin}/apart.aci`;

    expect((await gantry('fetch', url)).stderr).toContain('there is no signature at');
    out(await gantry('fetch', url, `--signature=${signature}`));
  });
});

describe('gantry fetch --pull-policy', () => {
  it('update asks whether the image has changed, and takes it only then', async () => {
    seen();
    const before = out(await gantry('fetch', app.name));
    const asked = seen();
    const changed = { ...app, files: { a: 'y' } };
    const page = bench.publisher.server;
    await bench.publisher.publish(changed);
    const data = gzipSync(tinyAci(changed));
    page.on('/example.com-app.aci', file(data, { etag: '"2"' }));
    const after = out(await gantry('fetch', app.name));

    expect(asked.filter((target) => target.endsWith('.aci'))).toHaveLength(1);
    expect(after).not.toBe(before);
  });

  it('new takes what is there, never takes nothing else', async () => {
    seen();
    const key = out(await gantry('fetch', '--pull-policy=new', app.name));
    expect(out(await gantry('fetch', '--pull-policy', 'never', app.name))).toBe(key);
    expect(out(await gantry('fetch', '--store-only', app.name))).toBe(key);

    expect(seen()).toEqual([]);
    out(await gantry('fetch', '--no-store', app.name));
    expect(seen()).not.toEqual([]);
  });

  it('asks nobody for as long as the server said', async () => {
    const { server, key } = bench.publisher;
    const data = gzipSync(tinyAci({ name: 'example.com/fresh' }));
    server.on('/fresh.aci', file(data, { etag: '"1"', maxAge: 600 }));
    server.on('/fresh.aci.asc', file(await key.sign(data)));
    const url = `${server.origin}/fresh.aci`;
    const first = out(await gantry('fetch', url));
    seen();

    expect(out(await gantry('fetch', url))).toBe(first);
    expect(seen()).toEqual([]);
  });
});

describe('gantry fetch reads', () => {
  it.each([
    ['sha512-zz', /is not an image id\nhint: an image id is "sha512-"/],
    ['ftp://example.com/a.aci', /"ftp" is no way to fetch images\nhint: it is https, http or file/],
    ['https://example.com/a.tar', /its path does not end in \.aci/],
    ['docker://busybox', /does not say of which registry it is\nhint: for Docker Hub/],
    ['Example.com/App', /must be lower-case letters and digits/],
    ['example.com/a:1:2', /more than one colon[^]*hint: write it as NAME\[:VERSION\]/],
    ['example.com/a,os=linux,os=linux', /label "os" is given twice/],
    ['example.com/a,os=plan9', /os must be one of linux, freebsd, darwin/],
    ['./nothing.aci', /cannot read image "\.\/nothing\.aci": no such file/],
    ['./\u001b[2J\r.aci', /cannot read image "\.\/\\x1b\[2J\\x0d\.aci": no such file/],
    ['file://a.aci', /"a\.aci" is another machine\nhint: write it as file:\/\/\/PATH\.aci/],
    ['/tmp', /cannot read image "\/tmp": not a regular file/],
  ])('%s and refuses it', async (text, message) => {
    const result = await gantry('fetch', text);

    expect(result.stderr).toMatch(message);
    expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
  });
});

describe('gantry image list', () => {
  it('sorts by size, time and use, both ways', async () => {
    const { publisher } = bench;
    await gantry('image', 'gc', '--grace-period=0s');
    for (const [name, size] of [
      ['b', 9000],
      ['c', 20],
      ['a', 60_000],
    ] as const) {
      const files = { data: 'x'.repeat(size) };
      out(await gantry('fetch', await publisher.save({ name: `example.com/${name}`, files })));
    }
    const listed = async (...flags: readonly string[]): Promise<string> =>
      out(await gantry('image', 'list', '--no-legend', '--fields=name', ...flags)).replaceAll(
        /example\.com\/(.)\n/g,
        '$1',
      );

    expect(await listed()).toBe('bca');
    expect(await listed('--order=desc')).toBe('acb');
    expect(await listed('--sort=name')).toBe('abc');
    expect(await listed('--sort=size', '--order=asc')).toBe('cba');
    expect(await listed('--sort=lastused')).toBe('bca');
  });

  it('prints whole values for --full, and columns in the order asked for', async () => {
    const table = out(await gantry('image', 'list', '--full', '--fields=size,name,importtime'));

    expect(table).toMatch(/^SIZE +NAME +IMPORT TIME\n/);
    expect(table).toMatch(/^\d+ +example\.com\/b +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d/m);
  });

  it('prints JSON on one line or on many, the same', async () => {
    const line = out(await gantry('image', 'list', '--format=json'));
    const pretty = out(await gantry('image', 'list', '--format=json-pretty'));

    expect(line.trimEnd().split('\n')).toHaveLength(1);
    expect(pretty).toMatch(/^\[\n\t\{\n\t\t"id": "sha512-[0-9a-f]{64}",\n\t\t"name": /);
    expect(JSON.parse(pretty)).toEqual(JSON.parse(line));
    expect(Object.keys((JSON.parse(line) as readonly object[])[0] ?? {})).toEqual([
      'id',
      'name',
      'import_time',
      'last_used_time',
      'size',
      'shared_size',
      'unique_size',
    ]);
  });
});

describe('gantry image', () => {
  it.each([
    [['cat-manifest', 'example.com/none'], /cannot find image "example\.com\/none"[^]*hint: /],
    [['cat-manifest', 'sha512-00'], /cannot find image "sha512-00"/],
    [['export', 'example.com/a', '/no/where/x.aci'], /there is no such directory/],
    [
      ['export', 'example.com/a', '/tmp'],
      /cannot export to "\/tmp": it exists[^]*hint: use --over/,
    ],
    [['extract', 'example.com/a', '/no/where/x'], /there is no such directory/],
    [['render', '--overwrite', 'example.com/a', '/'], /that is the root of this machine/],
    [['render', 'example.com/a', ''], /too few arguments/],
    [['verify', 'example.com/none'], /cannot find image/],
    [['rm'], /too few arguments|no image is given/],
    [['gc', '--grace-period=-1s'], /cannot read --grace-period: "-1s" is less than nothing/],
  ])('%j is refused', async (args, message) => {
    const result = await gantry('image', ...args);

    expect(result.stderr).toMatch(message);
    expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
  });

  it.runIf(requires('root')).each(['extract', 'render'])(
    '%s leaves alone what is there unless told',
    async (command) => {
      const target = join(bench.publisher.machine.workDir, command);
      mkdirSync(target);
      writeFileSync(join(target, 'precious'), '');
      const refused = await gantry('image', command, 'example.com/a', target);
      const kept = existsSync(join(target, 'precious'));
      const allowed = await gantry('image', command, '--overwrite', 'example.com/a', target);

      expect(refused.exitCode).toBe(254);
      expect(refused.stderr).toMatch(/it exists\nhint: use --overwrite/);
      expect(kept).toBe(true);
      expect(allowed.exitCode).toBe(0);
      expect(existsSync(join(target, 'precious'))).toBe(false);
      expect(existsSync(join(target, 'manifest'))).toBe(true);
    },
  );

  it.runIf(requires('root'))('extract and render never take gantry’s own place', async () => {
    const { dataDir } = bench.publisher.machine;
    for (const target of [dirname(dataDir), dataDir, join(dataDir, 'pods'), join(dataDir, 'x')]) {
      const refused = await gantry('image', 'render', '--overwrite', 'example.com/a', target);

      expect(refused.exitCode, target).toBe(254);
      expect(refused.stderr).toMatch(/gantry keeps its own in "/);
    }
  });

  it('rm removes by key and by name, and the trees with the images', async () => {
    const [id = ''] = out(
      await gantry('image', 'list', '--full', '--no-legend', '--fields=id'),
    ).split('\n');
    const removed = out(
      await gantry('image', 'rm', id.slice(0, 24), 'example.com/a', 'example.com/c'),
    );

    expect(removed.trimEnd().split('\n')).toHaveLength(3);
    expect(out(await gantry('image', 'list', '--format=json'))).toMatch(/^(\[\]|null)\n$/);
  });
});
