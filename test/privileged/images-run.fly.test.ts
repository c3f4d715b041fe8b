import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { type GpgHome, openGpgHome } from '../helpers/gpg.ts';
import { aciOf, directory } from '../helpers/hostile-tar.ts';
import { makeImage, type TestImage } from '../helpers/image-maker.ts';
import { type PodContext } from '../helpers/pod-context.ts';
import { type Refusals, startRefusals } from '../helpers/refusals.ts';
import { requires } from '../helpers/requires.ts';
import { makeSigningKey, type SigningKey, signingKeyOf } from '../helpers/signing.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const canRun = requires('root', 'overlay', 'mount-namespace', 'busybox');

let bench: Refusals;
let machine: PodContext;
beforeAll(async () => {
  bench = await startRefusals();
  ({ machine } = bench.publisher);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
  await bench.publisher.gantry(args);
const run = async (...args: readonly string[]): Promise<ExecResult> =>
  await gantry('run', '--stage1-name=fly', ...args);
/** Makes an image that says hello and signs it. */
async function save(
  image: TestImage,
  key: SigningKey | null = bench.publisher.key,
): Promise<string> {
  const exec = ['/bin/echo', 'hello'];
  const path = await makeImage(machine.workDir, { app: { exec }, ...image });
  if (key !== null) await key.signDetached(path, `${path}.asc`);

  return path;
}
const hello = { exitCode: 0, stdout: Buffer.from('hello\n') };

describe.runIf(canRun)('gantry run looks at how an image was accepted', () => {
  it('and refuses an unsigned one before anything is made of it', async () => {
    const path = await save({ name: 'example.com/unsigned' }, null);
    const result = await run(path);

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(/gantry run: cannot verify image ".*": there is no signature/);
    expect(readdirSync(machine.dataDir)).not.toContain('pods');
  });

  it('and runs one whose key is trusted', async () => {
    expect(await run(await save({ name: 'example.com/signed' }))).toMatchObject(hello);
    expect(await run('example.com/signed')).toMatchObject(hello);
  });

  it('and refuses it when the key was removed, each time, whatever names it', async () => {
    const key = await makeSigningKey({ name: 'leaver' });
    bench.trust(key, 'prefix.d/example.com/left');
    await gantry('fetch', await save({ name: 'example.com/left' }, key));
    const [id = ''] = (await gantry('fetch', '--full', '--store-only', 'example.com/left')).stdout
      .toString()
      .split('\n');
    const remove = ['trust', '--prefix=example.com/left', '--remove', key.fingerprint];
    expect((await gantry(...remove)).exitCode).toBe(0);

    for (const image of ['example.com/left', id]) {
      const result = await run(image);
      expect(result.exitCode).toBe(254);
      expect(result.stderr).toContain(
        `cannot run image "example.com/left": it was signed by key ${key.fingerprint}, which is trusted no longer\nhint: fetch it again`,
      );
    }
    bench.trust(key, 'prefix.d/example.com/left');
    expect(await run('example.com/left')).toMatchObject(hello);
  });

  it('and refuses it when the key was masked, until that is undone', async () => {
    const key = await makeSigningKey({ name: 'vendor' });
    const folder = join(machine.systemConfig, 'trustedkeys', 'root.d');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, key.fingerprint), key.publicKeyArmored);
    await gantry('fetch', await save({ name: 'example.com/vendor' }, key));
    await gantry('trust', '--root', '--mask', key.fingerprint);

    expect(await run('example.com/vendor')).toMatchObject({
      exitCode: 254,
      stderr: expect.stringMatching(/key [0-9a-f]{40}, whose trust has been masked\nhint: /),
    });
    await gantry('trust', '--root', '--unmask', key.fingerprint);
    expect(await run('example.com/vendor')).toMatchObject(hello);
  });

  it('and refuses it when the key turned out to be revoked', async () => {
    const key = await makeSigningKey({ name: 'loser' });
    bench.trust(key);
    await gantry('fetch', await save({ name: 'example.com/lost' }, key));
    bench.trust(await signingKeyOf(key.privateKey, 'compromised'));

    expect(await run('example.com/lost')).toMatchObject({
      exitCode: 254,
      stderr: expect.stringMatching(/key [0-9a-f]{40}, which has been revoked\nhint: /),
    });
  });

  it('and runs one that was fetched insecurely only when told again, with a warning each time', async () => {
    const insecure = '--insecure-options=image';
    const path = await save({ name: 'example.com/insecure' }, null);
    const fetched = await gantry('fetch', insecure, path);
    expect(fetched.stderr).toMatch(/warning: .*not checked/);
    expect(fetched.exitCode).toBe(0);

    const refused = await run('example.com/insecure');
    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toMatch(
      /cannot run image "example\.com\/insecure": it was fetched without a verified signature\nhint: .*--insecure-options=image/,
    );
    for (let times = 0; times < 2; times += 1) {
      const allowed = await run(insecure, 'example.com/insecure');
      expect(allowed).toMatchObject(hello);
      expect(allowed.stderr).toMatch(/warning: image "example\.com\/insecure" was fetched without/);
    }
  });

  it('and that of everything that it depends on', async () => {
    await gantry(
      'fetch',
      '--insecure-options=image',
      await save({ name: 'example.com/base' }, null),
    );
    const dependencies = [{ imageName: 'example.com/base' }];
    const path = await save({ name: 'example.com/upper', manifest: { dependencies } });
    const result = await run('--pull-policy=never', path);

    expect(result.exitCode).toBe(254);
    expect(result.stderr).toContain('cannot run image "example.com/base"');
  });

  it('and for which machine it is', async () => {
    const labels = [
      { name: 'os', value: 'linux' },
      { name: 'arch', value: 's390x' },
    ];
    const path = await save({ name: 'example.com/foreign', manifest: { labels } });
    const fetched = await gantry('fetch', path);
    const result = await run(path);

    expect(fetched.exitCode).toBe(0);
    expect(fetched.stderr).toMatch(/warning: image "example\.com\/foreign" is for linux\/s390x/);
    expect(result.exitCode).toBe(254);
    expect(result.stderr).toMatch(/it is for linux\/s390x, this machine is linux\/\S+\nhint: /);
  });
});

describe.runIf(canRun)('a rendered image', () => {
  const files: TestImage = { name: 'example.com/files', files: { 'etc/motd': 'welcome\n' } };
  const treeFile = (name: string): string => {
    const trees = join(machine.dataDir, 'cas', 'tree');
    const found = readdirSync(trees)
      .map((id) => join(trees, id, 'rootfs', name))
      .find((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
    if (found === undefined) throw new Error(`no tree holds ${name}`);
    return found;
  };

  it('that was tampered with is found by verify, and rendered again by run', async () => {
    await gantry('fetch', await save(files));
    writeFileSync(treeFile('etc/motd'), 'tampered');
    const verified = await gantry('image', 'verify', 'example.com/files');

    expect(`${verified.stdout.toString()}${verified.stderr}`).toMatch(/etc\/motd/);
    expect(readFileSync(treeFile('etc/motd'), 'utf8')).toBe('welcome\n');

    writeFileSync(treeFile('etc/motd'), 'again');
    const result = await run('example.com/files', '--exec=/bin/cat', '--', '/etc/motd');
    expect(result.stdout.toString()).toBe('welcome\n');
    expect(result.stderr).toMatch(/warning: .*etc\/motd.*; rendering it again/);
  });

  it('has set-id files and devices exactly as they were packed', async () => {
    const archive = aciOf(
      { path: 'rootfs/su', body: 'x', mode: 0o4755, uid: 7, gid: 8, mtime: 1_000_000_000 },
      { path: 'rootfs/sg', body: 'x', mode: 0o2711, uid: 1_000_000, gid: 1_000_001 },
      { ...directory('rootfs/sticky'), mode: 0o1777 },
      { path: 'rootfs/null', flag: '3', device: [1, 3], mode: 0o666 },
      { path: 'rootfs/loop', flag: '4', device: [7, 200], mode: 0o660, gid: 6 },
      { path: 'rootfs/pipe', flag: '6', mode: 0o600 },
    );
    const target = join(machine.workDir, 'exact');
    await gantry('fetch', await bench.put(archive));
    const rendered = await gantry(
      'image',
      'render',
      '--rootfs-only',
      'example.com/hostile',
      target,
    );
    const stat = async (name: string): Promise<string> => {
      const argv = ['stat', '-c', '%F %a %u %g %t:%T %Y', join(target, name)] as const;
      return demandSuccess(
        await nodeExec.run({ argv, env: ENVIRONMENT }),
        'stat',
      ).stdout.toString();
    };

    expect(rendered.exitCode).toBe(0);
    expect(await stat('su')).toBe('regular file 4755 7 8 0:0 1000000000\n');
    expect(await stat('sg')).toBe('regular file 2711 1000000 1000001 0:0 0\n');
    expect(await stat('sticky')).toBe('directory 1777 0 0 0:0 0\n');
    expect(await stat('null')).toBe('character special file 666 0 0 1:3 0\n');
    expect(await stat('loop')).toBe('block special file 660 0 6 7:c8 0\n');
    expect(await stat('pipe')).toBe('fifo 600 0 0 0:0 0\n');
  });

  it('holds what it depends on, its own files over those, and no more than the whitelist names', async () => {
    await gantry(
      'fetch',
      await save({ name: 'example.com/low', files: { low: 'low', both: 'low' } }),
    );
    const pathWhitelist = ['/bin/busybox', '/bin/cat', '/low', '/both'];
    const upper: TestImage = {
      name: 'example.com/top',
      files: { both: 'top', hidden: 'x' },
      manifest: { dependencies: [{ imageName: 'example.com/low' }], pathWhitelist },
    };
    const path = await save(upper);
    const target = join(machine.workDir, 'listed');
    await gantry('fetch', '--pull-policy=new', path);
    await gantry('image', 'render', '--rootfs-only', 'example.com/top', target);
    const result = await run('example.com/top', '--exec=/bin/cat', '--', '/low', '/both');

    expect(result.stdout.toString()).toBe('lowtop');
    expect(readdirSync(target).sort()).toEqual(['bin', 'both', 'low']);
    expect(readdirSync(join(target, 'bin')).sort()).toEqual(['busybox', 'cat']);
  });
});

describe.runIf(canRun)('gantry image gc', () => {
  it('keeps the images of pods, prepared ones too, until they are removed', async () => {
    await gantry('fetch', await save({ name: 'example.com/pod' }));
    const prepared = await gantry('prepare', '--quiet', '--stage1-name=fly', 'example.com/pod');
    const uuid = prepared.stdout.toString().trim();
    const names = async (): Promise<string> =>
      (await gantry('image', 'list', '--no-legend', '--fields=name')).stdout.toString();
    await gantry('gc', '--grace-period=0s');
    await gantry('image', 'gc', '--grace-period=0s');
    expect(await names()).toContain('example.com/pod:1.0.0\n');
    expect(await names()).not.toContain('example.com/top');

    const removed = await gantry('image', 'rm', 'example.com/pod');
    expect(removed.exitCode).toBe(254);
    expect(removed.stderr).toMatch(/cannot remove image .*: .*pod/);

    expect(await gantry('run-prepared', uuid)).toMatchObject(hello);
    await gantry('gc', '--grace-period=0s');
    await gantry('image', 'gc', '--grace-period=0s');
    expect(await names()).toBe('');
  });
});

describe.runIf(canRun && requires('gpg', 'actool'))('images made by others', () => {
  let gpg: GpgHome;
  beforeAll(() => {
    gpg = openGpgHome();
  });
  afterAll(() => {
    gpg[Symbol.dispose]();
  });

  it('made by "actool build" and signed by gpg run, and what is exported is valid to actool', async () => {
    const fingerprint = gpg.newKey({
      name: 'Somebody <somebody@example.com>',
      algorithm: 'rsa3072',
    });
    const keyFile = join(machine.workDir, 'gpg.asc');
    writeFileSync(keyFile, gpg.exportKey(fingerprint));
    const layout = mkdtempSync(join(machine.workDir, 'actool-'));
    mkdirSync(join(layout, 'rootfs'));
    copyFileSync('/bin/busybox', join(layout, 'rootfs', 'busybox'));
    chmodSync(join(layout, 'rootfs', 'busybox'), 0o755);
    const labels = [
      { name: 'version', value: '1.0.0' },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: process.arch === 'arm64' ? 'aarch64' : 'amd64' },
    ];
    const app = { exec: ['/busybox', 'echo', 'made by actool'], user: '0', group: '0' };
    const manifest = {
      acKind: 'ImageManifest',
      acVersion: '0.8.11',
      name: 'example.net/tool',
      labels,
      app,
    };
    writeFileSync(join(layout, 'manifest'), JSON.stringify(manifest));
    const path = join(machine.workDir, 'tool.aci');
    const actool = async (...args: readonly string[]): Promise<ExecResult> =>
      demandSuccess(await nodeExec.run({ argv: ['actool', ...args], env: ENVIRONMENT }), 'actool');
    await actool('build', '--overwrite', layout, path);
    rmSync(layout, { recursive: true });
    gpg.sign({ key: fingerprint, file: path, out: `${path}.asc` });

    expect((await run(path)).exitCode).toBe(254);
    await gantry('trust', '--prefix=example.net', '--skip-fingerprint-review', keyFile);
    expect((await run(path)).stdout.toString()).toBe('made by actool\n');

    const exported = join(machine.workDir, 'exported.aci');
    expect((await gantry('image', 'export', 'example.net/tool', exported)).exitCode).toBe(0);
    await actool('validate', exported);
    const missing = await nodeExec.run({ argv: ['actool', 'validate', keyFile], env: ENVIRONMENT });
    expect(missing.exitCode).not.toBe(0);
  });
});
