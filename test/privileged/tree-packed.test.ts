import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import type { Tree } from '../../image-store/tree/tree.ts';
import { directory, hardLink, symlink, type TarEntry } from '../helpers/hostile-tar.ts';
import { requires } from '../helpers/requires.ts';
import { makeTreeFixture, snapshot, type TreeFixture } from '../helpers/tree-fixture.ts';

let fixture: TreeFixture;
let plain: TreeFixture;
beforeEach(() => {
  fixture = makeTreeFixture({ packFrom: 5 });
  plain = makeTreeFixture();
});
afterEach(() => {
  fixture.cleanUp();
  plain.cleanUp();
});

const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
const ENTRIES: readonly TarEntry[] = [
  {
    path: 'rootfs/bin/ping',
    body: 'ping',
    mode: 0o755,
    pax: { 'SCHILY.xattr.security.capability': capability, mtime: '1600000000.123456789' },
  },
  { path: 'rootfs/bin/su', body: 'su', mode: 0o6755, uid: 4_000_000_000, gid: 70_000 },
  hardLink('rootfs/bin/also', 'rootfs/bin/su'),
  symlink('rootfs/lib', '/usr/lib'),
  { path: 'rootfs/dev/null', flag: '3', mode: 0o666, device: [1, 3] },
  { path: 'rootfs/dev/disk', flag: '4', device: [7, 300] },
  { path: 'rootfs/fifo', flag: '6' },
  { ...directory('rootfs/tmp'), mode: 0o1777, pax: { 'SCHILY.xattr.user.note': 'x' } },
  { path: 'rootfs/big', body: 'b'.repeat(100_000) },
];

async function packed(): Promise<Tree> {
  fixture.add('a', { entries: ENTRIES, app: true });
  return await fixture.render('a');
}

/** What lies in a tree, seen by a process that attached it in a mount namespace of its own. */
async function attachedNames(tree: Tree): Promise<string> {
  const program = `
    import { openTrees } from './image-store/tree/open-trees.ts';
    import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
    import { nodeExec as exec } from '#base/exec/node-exec';
    import { nullLog as log } from '#base/log/log';
    import { readdirSync } from 'node:fs';
    const trees = openTrees({ dir: ${JSON.stringify(fixture.cas)}, kernel, exec, log, workers: { extract: ['false'] } });
    kernel.unshare(0x20000);
    kernel.mount({ source: 'none', target: '/', flags: 0x4000 | 0x80000 });
    const tree = trees.find(${JSON.stringify(tree.id)});
    trees.attach(tree);
    process.stdout.write(readdirSync(trees.attach(tree)[0]).join(' '));`;
  const result = await nodeExec.run({
    argv: [process.execPath, '--input-type=module', '--eval', program],
    env: {},
    cwd: join(import.meta.dirname, '../..'),
  });
  return result.stdout.toString() || result.stderr;
}

describe.runIf(requires('root', 'erofs'))('a packed tree', () => {
  it('is one image that holds just what the directory would', async () => {
    const tree = await packed();
    plain.add('a', { entries: ENTRIES, app: true });
    const other = await plain.render('a');

    expect(tree).toMatchObject({ kind: 'packed', hash: other.hash, size: other.size });
    expect(readdirSync(tree.rootfs)).toEqual([]);
    expect(await attachedNames(tree)).toBe('big bin dev fifo lib tmp');
    expect(readdirSync(tree.rootfs)).toEqual([]);

    const copy = join(fixture.dir, 'copy');
    await fixture.trees.copyTo(tree, copy);
    expect(snapshot(copy)).toEqual(snapshot(other.rootfs));
  });

  it('is not made of a small tree, nor of an image without an app', async () => {
    fixture.add('small', { entries: [{ path: 'rootfs/a' }], app: true });
    fixture.add('stage1', { entries: ENTRIES });

    expect((await fixture.render('small')).kind).toBe('directory');
    expect((await fixture.render('stage1')).kind).toBe('directory');
  });

  it('is checked by one look', async () => {
    const tree = await packed();
    expect(() => fixture.trees.checkFast(tree)).not.toThrow();
    await expect(fixture.trees.verifyDeep(tree)).resolves.toBeUndefined();

    await new Promise((resolve) => setTimeout(resolve, 20));
    const image = join(tree.dir, 'rootfs.erofs');
    const bytes = readFileSync(image);
    bytes[bytes.length - 5000] = 1 + (bytes[bytes.length - 5000] ?? 0);
    writeFileSync(image, bytes);
    expect(() => fixture.trees.checkFast(tree)).toThrow(/"rootfs.erofs" was changed/);
    rmSync(image);
    expect(() => fixture.trees.checkFast(tree)).toThrow(/"rootfs.erofs" was removed/);
  });

  it('is not made where the kernel does not mount it', async () => {
    fixture.cleanUp();
    const program = `process.stdin.resume(); process.stdout.write(JSON.stringify({ failed: { code: 'KERNEL_CALL_FAILED', errno: 'ENODEV', message: 'no erofs' } }));`;
    fixture = makeTreeFixture({
      packFrom: 5,
      exec: {
        ...nodeExec,
        runSync: (request) =>
          nodeExec.runSync({ ...request, argv: [process.execPath, '--eval', program] }),
      },
    });
    const tree = await packed();

    expect(tree.kind).toBe('directory');
    expect(existsSync(join(tree.dir, 'rootfs.erofs'))).toBe(false);
    await expect(fixture.trees.verifyDeep(tree)).resolves.toBeUndefined();
  });

  it('is found in no mount table but that of who attached it', async () => {
    const tree = await packed();
    await attachedNames(tree);

    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(tree.id);
  });
});
