import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';
import { requires } from '../helpers/requires.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

let publisher: Publisher;
beforeAll(async () => {
  publisher = await startPublisher();
});
afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
  await publisher.gantry(args);
const out = (result: ExecResult): string => {
  expect(result).toMatchObject({ exitCode: 0 });
  return result.stdout.toString();
};

describe.runIf(requires('root'))('images, from a key to the end', () => {
  const base = { name: 'example.com/base', version: '1.0', files: { base: 'b' } };
  const app = {
    name: 'example.com/app',
    version: '2.0',
    files: { app: 'a' },
    manifest: { dependencies: [{ imageName: 'example.com/base' }] },
  };

  it('gantry fetch refuses an image that no trusted key signed', async () => {
    await publisher.publish(base);
    await publisher.publish(app);
    const result = await gantry('fetch', 'example.com/app');

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toContain(publisher.key.fingerprint.slice(-16));
    expect(out(await gantry('image', 'list', '--no-legend'))).toBe('');
  });

  it('gantry trust does not trust what nobody reviewed', async () => {
    const result = await gantry('trust', '--prefix=example.com');

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toContain('nobody is at the terminal');
    expect(out(await gantry('trust', '--list'))).toMatch(/^PREFIX[^\n]*\n$/);
  });

  it('gantry trust finds the key by discovery', async () => {
    const result = await gantry('trust', '--prefix=example.com', '--skip-fingerprint-review');

    expect(result.exitCode).toBe(0);
    expect(out(await gantry('trust', '--list'))).toMatch(
      new RegExp(`^example\\.com +${publisher.key.fingerprint} +local +trusted$`, 'm'),
    );
  });

  it('gantry fetch brings an image and what it depends on', async () => {
    expect(out(await gantry('fetch', 'example.com/app'))).toMatch(/^sha512-[0-9a-f]{32}\n$/);
    expect(out(await gantry('fetch', '--full', 'example.com/app:2.0'))).toMatch(
      /^sha512-[0-9a-f]{64}\n$/,
    );
    expect(out(await gantry('image', 'fetch', 'example.com/base'))).toMatch(/^sha512-/);
  });

  it('gantry fetch asks the server for the image only once', async () => {
    publisher.server.seen.length = 0;
    await gantry('fetch', '--pull-policy=new', 'example.com/app');
    await gantry('fetch', '--store-only', 'example.com/app');

    expect(publisher.server.seen).toEqual([]);
  });

  it('gantry image list shows, sorts and picks columns', async () => {
    const table = out(await gantry('image', 'list', '--sort=name'));
    const names = out(
      await gantry('image', 'list', '--fields=name', '--no-legend', '--sort=name', '--order=desc'),
    );
    const full = out(await gantry('image', 'list', '--full', '--no-legend', '--fields=id,size'));

    expect(table).toMatch(/^ID +NAME +SIZE +IMPORT TIME +LAST USED\n/);
    expect(table).toMatch(/^sha512-[0-9a-f]{12} +example\.com\/app:2\.0 +\S+B +\S/m);
    expect(names).toBe('example.com/base:1.0\nexample.com/app:2.0\n');
    expect(full).toMatch(/^sha512-[0-9a-f]{64} +\d+\nsha512-[0-9a-f]{64} +\d+\n$/);
  });

  it('gantry image list --format=json has times in nanoseconds', async () => {
    const text = out(await gantry('image', 'list', '--format=json', '--sort=name'));
    const [image] = JSON.parse(text) as readonly Record<string, unknown>[];

    expect(image).toMatchObject({ name: 'example.com/app:2.0' });
    expect(text).toMatch(/"import_time":\d{13}000000,"last_used_time":\d{13}000000/);
  });

  it('gantry image cat-manifest prints the manifest, by name and by key', async () => {
    const pretty = out(await gantry('image', 'cat-manifest', 'example.com/app'));
    const [key = ''] = out(
      await gantry('image', 'list', '--fields=id', '--no-legend', '--sort=name'),
    ).split('\n');
    const plain = out(await gantry('image', 'cat-manifest', '--pretty-print=false', key));

    expect(JSON.parse(pretty)).toEqual(JSON.parse(plain));
    expect(pretty).toContain('\n\t"name": "example.com/app"');
    expect(plain.split('\n')).toHaveLength(2);
  });

  it('gantry image export writes the archive as it came, uncompressed', async () => {
    const path = join(publisher.machine.workDir, 'out.aci');
    out(await gantry('image', 'export', 'example.com/base', path));
    const again = await gantry('image', 'export', 'example.com/base', path);

    expect(readFileSync(path)).toEqual(tinyAci(base));
    expect(again.exitCode).toBe(254);
    expect(again.stderr).toContain('it exists');
    out(await gantry('image', 'export', '--overwrite', 'example.com/base', path));
  });

  it('gantry image extract and render differ by the dependencies', async () => {
    const { workDir } = publisher.machine;
    out(await gantry('image', 'extract', 'example.com/app', join(workDir, 'extracted')));
    out(await gantry('image', 'render', '--rootfs-only', 'example.com/app', join(workDir, 'tree')));

    expect(existsSync(join(workDir, 'extracted/rootfs/app'))).toBe(true);
    expect(existsSync(join(workDir, 'extracted/manifest'))).toBe(true);
    expect(existsSync(join(workDir, 'extracted/rootfs/base'))).toBe(false);
    expect(existsSync(join(workDir, 'tree/app'))).toBe(true);
    expect(existsSync(join(workDir, 'tree/base'))).toBe(true);

    const refused = await gantry('image', 'render', '--overwrite', 'example.com/app', '/');
    expect(refused.exitCode).toBe(254);
  });

  it('gantry image verify looks at every file', async () => {
    expect(out(await gantry('image', 'verify', 'example.com/app', 'example.com/base'))).toMatch(
      /^successfully verified[^\n]*\nsuccessfully verified[^\n]*\n$/,
    );
  });

  it('gantry image rm and gc remove, and tell about what is not there', async () => {
    const result = await gantry('image', 'rm', 'example.com/nothing', 'example.com/app');
    expect(result.exitCode).toBe(254);
    expect(result.stderr).toContain('cannot find image "example.com/nothing"');
    expect(result.stdout.toString()).toMatch(/^successfully removed aci for image: "sha512-/);

    expect(out(await gantry('image', 'gc'))).toBe('');
    expect(out(await gantry('image', 'gc', '--grace-period=0s'))).toMatch(/removed aci for image/);
    expect(out(await gantry('image', 'list', '--no-legend'))).toBe('');
  });
});

describe.runIf(requires('root'))('gantry fetch', () => {
  it('takes files with signatures of their own, each after its image', async () => {
    const one = await publisher.save({ name: 'example.com/one' });
    const two = await publisher.save({ name: 'example.com/two' });
    out(await gantry('trust', '--prefix=example.com', '--skip-fingerprint-review'));

    const swapped = await gantry('fetch', one, `--signature=${two}.asc`);
    expect(swapped.exitCode).toBe(254);
    expect(out(await gantry('fetch', one, `--signature=${one}.asc`, two))).toMatch(
      /^sha512-\S+\nsha512-\S+\n$/,
    );
  });

  it('warns each time that something is not checked', async () => {
    const path = await publisher.save({ name: 'example.com/three' });
    writeFileSync(`${path}.asc`, 'nonsense');

    expect((await gantry('fetch', path)).exitCode).toBe(254);
    const result = await gantry('--insecure-options=image', 'fetch', path);
    expect(out(result)).toMatch(/^sha512-/);
    expect(result.stderr).toMatch(/warning: .*image/);
  });

  it('trusts the keys of the site when told so, without a terminal', async () => {
    await using other = await startPublisher();
    await other.publish({ name: 'example.com/four' });
    const refused = await other.gantry(['fetch', 'example.com/four']);
    const fetched = await other.gantry(['--trust-keys-from-https', 'fetch', 'example.com/four']);

    expect(refused.exitCode).toBe(254);
    expect(out(fetched)).toMatch(/^sha512-/);
    expect(fetched.stderr).toContain(other.key.fingerprint);
  });

  it.each([
    ['basic', { user: 'me', password: 'x' }, /^Basic bWU6eA==$/],
    ['oauth', { token: 'bearer' }, /^Bearer bearer$/],
    ['aws', { accessKeyID: 'AKID', secretAccessKey: 'x' }, /^AWS4-HMAC-SHA256 Credential=AKID\//],
  ])('shows credentials of type %s to their host', async (type, credentials, expected) => {
    await publisher.publish({ name: 'example.com/guarded' });
    const auth = { rktKind: 'auth', rktVersion: 'v1', domains: ['example.com'], type, credentials };
    const file = join(publisher.machine.localConfig, 'auth.d/a.json');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(auth));
    out(await gantry('trust', '--prefix=example.com', '--skip-fingerprint-review'));
    publisher.server.seen.length = 0;
    const fetched = await gantry('fetch', '--pull-policy=update', 'example.com/guarded');
    rmSync(file);

    expect(out(fetched)).toMatch(/^sha512-/);
    const given = publisher.server.seen.map(({ headers }) => headers.authorization);
    expect(given.length).toBeGreaterThan(1);
    for (const header of given) expect(header).toMatch(expected);
  });

  it('refuses arguments and flags of apps', async () => {
    expect((await gantry('fetch', 'a', '--', 'b')).stderr).toContain('mean nothing here');
    expect((await gantry('fetch', 'a', '--exec=/x')).stderr).toContain('unknown flag --exec');
  });
});
