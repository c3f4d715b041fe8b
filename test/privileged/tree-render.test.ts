import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { makeAci } from '../../image-store/archive/make-aci.ts';
import { directory, hardLink, symlink, type TarEntry } from '../helpers/hostile-tar.ts';
import { requires } from '../helpers/requires.ts';
import { makeTreeFixture, snapshot, type TreeFixture } from '../helpers/tree-fixture.ts';

let fixture: TreeFixture;
beforeEach(() => {
  fixture = makeTreeFixture();
});
afterEach(() => {
  fixture.cleanUp();
});

const file = (path: string, body = path): TarEntry => ({ path: `rootfs/${path}`, body });

/** Renders an image of these entries. @returns its root file system */
async function rendered(...entries: readonly TarEntry[]): Promise<string> {
  fixture.add('a', { entries });
  return (await fixture.render('a')).rootfs;
}

/** A root file system with everything that is easily lost. */
function fillRoot(root: string): void {
  for (const name of ['bin', 'dev', 'etc', 'tmp', 'empty'])
    mkdirSync(join(root, name), { recursive: true });
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  linkSync(join(root, 'bin/busybox'), join(root, 'bin/sh'));
  symlinkSync('/bin/busybox', join(root, 'bin/ls'));
  symlinkSync('../../../../../etc/passwd', join(root, 'etc/outside'));
  kernel.makeNode(join(root, 'dev/null'), 0o020666, { major: 1, minor: 3 });
  kernel.makeNode(join(root, 'dev/loop300'), 0o060660, { major: 7, minor: 300 });
  kernel.makeNode(join(root, 'dev/initctl'), 0o010600);
  writeFileSync(join(root, 'bin/ping'), 'ping');
  chmodSync(join(root, 'bin/ping'), 0o755);
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  kernel.setXattr(join(root, 'bin/ping'), 'security.capability', capability);
  kernel.setXattr(join(root, 'etc'), 'user.note', Buffer.from('a\nb\0c'));
  kernel.setXattr(join(root, 'bin/ls'), 'trusted.link', Buffer.from('x'));
  writeFileSync(join(root, 'bin/su'), 'su');
  chownSync(join(root, 'bin/su'), 0, 42);
  chmodSync(join(root, 'bin/su'), 0o6755);
  chmodSync(join(root, 'bin/busybox'), 0o4755);
  chmodSync(join(root, 'tmp'), 0o1777);
  chmodSync(join(root, 'empty'), 0o2700);
  writeFileSync(join(root, 'etc/no-mode'), 'secret', { mode: 0 });
  chmodSync(join(root, 'etc/no-mode'), 0);
  chownSync(join(root, 'etc/no-mode'), 3_000_000_000, 70_000);
  writeFileSync(join(root, 'etc/hole'), 'start');
  truncateSync(join(root, 'etc/hole'), 50_000_000);
  const long = 'ö'.repeat(120);
  mkdirSync(join(root, long, long), { recursive: true });
  writeFileSync(join(root, long, long, 'name with "quotes" and\nnewline'), '');
  lutimesSync(join(root, 'bin/ls'), 1, 1);
  kernel.setTimes(join(root, 'bin/su'), { atimeNs: 5n, mtimeNs: 1_600_000_000_123_456_789n });
  kernel.setTimes(join(root, 'empty'), { atimeNs: 5n, mtimeNs: -1_000_000_001n });
}

describe.runIf(requires('root', 'busybox'))('render()', () => {
  it('keeps everything that a root file system has', async () => {
    const root = join(fixture.dir, 'root');
    fillRoot(root);
    const blob = join(fixture.dir, 'real.aci');
    fixture.add('real', { blob });
    await makeAci(nodeExec, {
      rootfs: root,
      manifest: fixture.plan('real').manifest,
      target: { path: blob },
    });
    const tree = await fixture.render('real');

    expect(snapshot(tree.rootfs)).toEqual(snapshot(root));
    await expect(fixture.trees.verifyDeep(tree)).resolves.toBeUndefined();
    expect(statSync(join(tree.rootfs, 'etc/hole')).blocks).toBeLessThan(1000);

    const copy = join(fixture.dir, 'copy');
    await fixture.trees.copyTo(tree, copy);
    expect(snapshot(copy)).toEqual(snapshot(root));

    await fixture.trees.extract(fixture.plan('real'), { dir: join(fixture.dir, 'out') });
    expect(snapshot(join(fixture.dir, 'out/rootfs'))).toEqual(snapshot(root));
    expect(readdirSync(join(fixture.dir, 'out'))).toEqual(['manifest', 'rootfs']);
  });

  it('makes an archive that actool accepts, the same every time', async () => {
    const root = join(fixture.dir, 'root');
    fillRoot(root);
    fixture.add('real', { entries: [] });
    const { manifest } = fixture.plan('real');
    const targets = ['one', 'two'].map((name) => join(fixture.dir, `${name}.aci`));
    for (const path of targets) {
      await makeAci(nodeExec, { rootfs: root, manifest, target: { path } });
    }

    const [one, two] = targets.map((target) => readFileSync(target));
    expect(one?.equals(two as Buffer)).toBe(true);
    const validated = await nodeExec.run({
      argv: ['actool', 'validate', targets[0] as string],
      env: { PATH: '/usr/bin:/bin' },
    });
    expect(validated.exitCode, validated.stderr).toBe(0);
  });

  it('lets nobody but root look into a tree', async () => {
    await rendered(file('a'));

    expect(statSync(join(fixture.cas, 'tree')).mode & 0o777).toBe(0o700);
  });

  it('is the same whatever order entries come in, and for directories without entries', async () => {
    fixture.add('a', {
      entries: [file('x/y/z'), { ...directory('rootfs/x'), mode: 0o2711, uid: 5 }],
    });
    fixture.add('b', {
      entries: [{ ...directory('rootfs/x'), mode: 0o2711, uid: 5 }, file('x/y/z')],
    });
    const [a, b] = [await fixture.render('a'), await fixture.render('b')];

    expect(snapshot(a.rootfs)).toEqual(snapshot(b.rootfs));
    expect(a.hash).toBe(b.hash);
    expect(a.hash).toMatch(/^sha512-[0-9a-f]{128}$/);
    expect(statSync(join(a.rootfs, 'x')).mode & 0o7777).toBe(0o2711);
    expect(statSync(join(a.rootfs, 'x/y')).gid).toBe(0);
  });

  it('renders once for two that ask at the same time, and finds it again', async () => {
    fixture.add('a', { entries: [file('x')] });
    const [one, two] = await Promise.all([fixture.render('a'), fixture.render('a')]);

    expect(one.rootfs).toBe(two.rootfs);
    expect(fixture.events.filter(({ message }) => message.startsWith('rendering'))).toHaveLength(1);
    expect(fixture.trees.find(one.id)?.manifest.name).toBe('a');
    expect(readdirSync(join(fixture.cas, 'tmp'))).toEqual([]);
    expect(readdirSync(join(fixture.cas, 'treestorelocks'))).toEqual([]);
  });

  it('renders a changed tree anew and keeps the old one for pods that have it', async () => {
    fixture.add('a', { entries: [file('x')] });
    const tree = await fixture.render('a');
    writeFileSync(join(tree.rootfs, 'x'), 'evil');
    await fixture.render('a');

    expect(readFileSync(join(tree.rootfs, 'x'), 'utf8')).toBe('x');
    expect(fixture.trees.list().map(({ id, broken }) => [id, broken])).toEqual([
      [tree.id, false],
      [tree.id, true],
    ]);
    expect(fixture.events.some(({ message }) => message.includes('"x" was changed'))).toBe(true);
  });

  it('does not count a tree without its flag', async () => {
    fixture.add('a', { entries: [file('x')] });
    const tree = await fixture.render('a');
    rmSync(join(tree.dir, 'rendered'));

    expect(fixture.trees.find(tree.id)).toBeUndefined();
    expect((await fixture.render('a')).id).toBe(tree.id);
  });
});

describe.runIf(requires('root'))('render() with dependencies', () => {
  it('lets later images overwrite earlier ones, following nothing', async () => {
    fixture.add('one', {
      entries: [
        file('same', 'one'),
        file('only-one'),
        symlink('rootfs/link', '/etc'),
        symlink('rootfs/filelink', 'same'),
        file('dir/below'),
        file('was-file'),
        { ...directory('rootfs/kept'), mode: 0o700 },
        file('kept/one'),
      ],
    });
    fixture.add('two', {
      entries: [
        file('same', 'two'),
        file('link/x'),
        file('filelink', 'now a file'),
        file('dir', 'now a file'),
        file('was-file/x'),
        { ...directory('rootfs/kept'), mode: 0o750 },
        file('kept/two'),
      ],
    });
    fixture.add('top', { dependencies: ['one', 'two'], entries: [file('top')] });
    const tree = await fixture.render('top');
    const { rootfs } = tree;
    await expect(fixture.trees.verifyDeep(tree)).resolves.toBeUndefined();
    const read = (path: string): string => readFileSync(join(rootfs, path), 'utf8');

    expect(read('same')).toBe('two');
    expect(read('only-one')).toBe('only-one');
    expect(read('filelink')).toBe('now a file');
    expect(read('dir')).toBe('now a file');
    expect(read('was-file/x')).toBe('was-file/x');
    expect(read('top')).toBe('top');
    expect(readdirSync(join(rootfs, 'link'))).toEqual(['x']);
    expect(readdirSync(join(rootfs, 'kept'))).toEqual(['one', 'two']);
    expect(statSync(join(rootfs, 'kept')).mode & 0o777).toBe(0o750);
    expect(existsSync('/etc/x')).toBe(false);
  });

  it('overwrites one name of a file with several, not the others', async () => {
    fixture.add('one', { entries: [file('x', 'one'), hardLink('rootfs/y', 'rootfs/x')] });
    fixture.add('top', { dependencies: ['one'], entries: [file('x', 'top')] });
    const { rootfs } = await fixture.render('top');

    expect(readFileSync(join(rootfs, 'y'), 'utf8')).toBe('one');
    expect(readFileSync(join(rootfs, 'x'), 'utf8')).toBe('top');
  });

  it('refuses a hard link into another image', async () => {
    fixture.add('one', { entries: [file('x')] });
    fixture.add('top', { dependencies: ['one'], entries: [hardLink('rootfs/y', 'rootfs/x')] });

    await expect(fixture.render('top')).rejects.toThrow(/has not placed before it/);
  });

  it('keeps only what the whitelists of an image and its dependants name', async () => {
    const entries = ['a', 'b', 'c', 'usr/bin/x', 'usr/bin/y', 'usr/lib/z'].map((path) =>
      file(path),
    );
    fixture.add('base', { entries, pathWhitelist: ['/a', '/b', '/usr/bin/x'] });
    fixture.add('other', { entries: [file('c', 'of the other'), file('o')] });
    fixture.add('top', {
      dependencies: ['base', 'other'],
      entries: [file('top'), file('hidden')],
      pathWhitelist: ['/a', '/c', '/usr/bin/x', '/top', '/usr/lib'],
    });
    const { rootfs } = await fixture.render('top');

    expect(Object.keys(snapshot(rootfs))).toEqual([
      '.',
      'a',
      'c',
      'top',
      'usr',
      'usr/bin',
      'usr/bin/x',
    ]);
    expect(readFileSync(join(rootfs, 'c'), 'utf8')).toBe('of the other');
  });

  it('keeps a hard link whose first name the whitelist drops', async () => {
    fixture.add('a', {
      entries: [
        { ...file('first', 'content'), mode: 0o4711 },
        hardLink('rootfs/second', 'rootfs/first'),
        hardLink('rootfs/third', 'rootfs/first'),
      ],
      pathWhitelist: ['/second', '/third'],
    });
    const tree = await fixture.render('a');
    const { rootfs } = tree;

    expect(readdirSync(rootfs)).toEqual(['second', 'third']);
    await expect(fixture.trees.verifyDeep(tree)).resolves.toBeUndefined();
    expect(readFileSync(join(rootfs, 'third'), 'utf8')).toBe('content');
    expect(statSync(join(rootfs, 'second'))).toMatchObject({ nlink: 2, mode: 0o104711 });
  });
});
