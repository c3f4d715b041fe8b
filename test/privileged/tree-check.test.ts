import {
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MS } from '#base/kernel/kernel';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { symlink, type TarEntry } from '../helpers/hostile-tar.ts';
import { requires } from '../helpers/requires.ts';
import { makeTreeFixture, type TreeFixture } from '../helpers/tree-fixture.ts';

let fixture: TreeFixture;
beforeEach(() => {
  fixture = makeTreeFixture();
});
afterEach(() => {
  fixture.cleanUp();
});

const file = (path: string, body = path): TarEntry => ({ path: `rootfs/${path}`, body });

describe.runIf(requires('root'))('checkFast() and verifyDeep()', () => {
  it('find nothing in a tree that nobody touched, even when it was read and copied', async () => {
    fixture.add('a', { entries: [file('x'), symlink('rootfs/l', 'x')] });
    const tree = await fixture.render('a');
    await fixture.trees.copyTo(tree, join(fixture.dir, 'copy'));
    readFileSync(join(tree.rootfs, 'x'));

    await expect(fixture.trees.verifyDeep(tree)).resolves.toBeUndefined();
  });

  it('find each kind of change and name it', async () => {
    fixture.add('a', { entries: [file('x'), file('d/y')] });
    const changes: readonly ((root: string) => void)[] = [
      (root) => writeFileSync(join(root, 'x'), 'y'),
      (root) => chmodSync(join(root, 'x'), 0o755),
      (root) => chownSync(join(root, 'x'), 1, 1),
      (root) => kernel.setXattr(join(root, 'x'), 'user.x', Buffer.from('x')),
      (root) => utimesSync(join(root, 'x'), 1, 1),
      (root) => rmSync(join(root, 'x')),
      (root) => renameSync(join(root, 'x'), join(root, 'd/x')),
      (root) => writeFileSync(join(root, 'd/new'), ''),
      (root) => chmodSync(root, 0o700),
    ];
    for (const change of changes) {
      const tree = await fixture.render('a');
      await new Promise((resolve) => setTimeout(resolve, 20));
      change(tree.rootfs);

      expect(() => fixture.trees.checkFast(tree)).toThrow(
        expect.objectContaining({ code: 'TREE_CHANGED' }),
      );
    }
  });

  it('rejects a tree without its listing', async () => {
    fixture.add('a', { entries: [file('x')] });
    const tree = await fixture.render('a');
    rmSync(join(tree.dir, 'listing'));
    expect(() => fixture.trees.checkFast(tree)).toThrow(/its listing was lost or damaged since/);
  });

  it('rejects a tree whose content differs though its listing does not', async () => {
    fixture.add('a', { entries: [file('x')] });
    const tree = await fixture.render('a');
    const other = { ...tree, hash: `sha512-${'0'.repeat(128)}` };

    expect(() => fixture.trees.checkFast(other)).not.toThrow();
    await expect(fixture.trees.verifyDeep(other)).rejects.toThrow(/its content was changed since/);
  });

  it('puts a broken tree aside, so that the next one is rendered', async () => {
    fixture.add('a', { entries: [file('x')] });
    const tree = await fixture.render('a');
    await fixture.trees.discard(tree.id);
    await fixture.trees.discard(tree.id);

    expect(fixture.trees.find(tree.id)).toBeUndefined();
    expect(fixture.trees.list()).toMatchObject([{ id: tree.id, broken: true }]);
  });
});

describe.runIf(requires('root'))('extract()', () => {
  it('refuses the root, what exists, and a place without a directory', async () => {
    fixture.add('a', { entries: [file('x')] });
    const plan = fixture.plan('a');
    const extract = (dir: string, overwrite = false): Promise<void> =>
      fixture.trees.extract(plan, { dir, overwrite });
    const out = join(fixture.dir, 'out');
    symlinkSync('/', join(fixture.dir, 'slash'));

    await expect(extract('/', true)).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
    await expect(extract(join(fixture.dir, 'slash'), true)).rejects.toMatchObject({
      code: 'TARGET_REFUSED',
    });
    const pipe = join(fixture.dir, 'pipe');
    kernel.makeNode(pipe, constants.S_IFIFO | 0o600);
    await expect(extract(pipe, true)).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
    await expect(extract(join(fixture.dir, 'no/out'))).rejects.toMatchObject({
      code: 'TARGET_NO_PARENT',
    });
    await extract(out);
    await expect(extract(out)).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
    writeFileSync(join(out, 'mine'), '');
    await extract(out, true);
    expect(readdirSync(out)).toEqual(['manifest', 'rootfs']);
  });

  it('says so when the image has no blob', async () => {
    fixture.add('a', { entries: [] });
    rmSync(join(fixture.dir, 'a.tar'));
    const extract = fixture.trees.extract(fixture.plan('a'), { dir: join(fixture.dir, 'out') });

    await expect(extract).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    await expect(fixture.render('a')).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    expect(existsSync(join(fixture.dir, 'out'))).toBe(false);
  });

  it('removes nothing that is mounted in what it replaces, nor a mount point', async () => {
    fixture.add('a', { entries: [file('x')] });
    const out = join(fixture.dir, 'out');
    const precious = join(fixture.dir, 'precious');
    for (const dir of [join(out, 'sub dir'), precious]) mkdirSync(dir, { recursive: true });
    writeFileSync(join(precious, 'data'), '');
    const extract = (dir: string): Promise<void> =>
      fixture.trees.extract(fixture.plan('a'), { dir, overwrite: true });
    const target = join(out, 'sub dir');
    kernel.mount({ source: precious, target, flags: MS.BIND });
    try {
      await expect(extract(out)).rejects.toMatchObject({
        code: 'TARGET_REFUSED',
        message: expect.stringContaining('/out/sub dir" is mounted in it'),
      });
      await expect(extract(target)).rejects.toThrow(/something is mounted there/);
    } finally {
      kernel.unmount(target);
    }

    expect(readdirSync(precious)).toEqual(['data']);
    expect(readdirSync(out)).toEqual(['sub dir']);
    await extract(out);
    expect(readdirSync(fixture.dir).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('leaves what was there when it fails', async () => {
    fixture.add('a', { entries: [file('../x')] });
    const out = join(fixture.dir, 'out');
    mkdirSync(out);
    writeFileSync(join(out, 'mine'), '');

    await expect(
      fixture.trees.extract(fixture.plan('a'), { dir: out, overwrite: true, rootfsOnly: true }),
    ).rejects.toThrow(/by "\.\."/);
    expect(readdirSync(out)).toEqual(['mine']);
  });
});

describe.runIf(requires('root'))('speed and memory', () => {
  it('renders 5,000 files in seconds and checks them within 30 ms', {
    timeout: 120_000,
  }, async () => {
    const entries = Array.from({ length: 5000 }, (_, i) => file(`usr/share/d${i % 100}/file-${i}`));
    fixture.add('a', { entries });
    const started = performance.now();
    const tree = await fixture.render('a');
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(tree.entries).toBe(5001);

    const times = Array.from({ length: 10 }, () => {
      const before = performance.now();
      fixture.trees.checkFast(tree);
      return performance.now() - before;
    });
    expect(Math.min(...times)).toBeLessThan(30);
  });

  it('does not keep what it extracts in memory', async () => {
    const report = join(fixture.dir, 'peak');
    const worker = JSON.stringify(join(import.meta.dirname, '../../image-store/extract-worker.ts'));
    // The process's own high-water mark: that of getrusage(2) is inherited from who started it.
    const program = `
      import fs from 'node:fs';
      const status = fs.openSync('/proc/self/status', 'r');
      const report = fs.openSync(${JSON.stringify(report)}, 'w');
      process.on('exit', () => fs.writeSync(report, fs.readFileSync(status)));
      await import(${worker});`;
    const measured = makeTreeFixture({
      workers: { extract: [process.execPath, '--input-type=module', '--eval', program] },
    });
    try {
      measured.add('big', {
        entries: [{ path: 'rootfs/big', body: Buffer.alloc(256 * 1024 ** 2) }],
      });
      await measured.render('big');
    } finally {
      measured.cleanUp();
    }

    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(report, 'utf8'))?.[1];
    expect(Number(peak) / 1024).toBeLessThan(160);
  });
});
