import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
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

const HOSTILE: readonly (readonly [string, readonly TarEntry[], RegExp])[] = [
  ['..', [file('../../../escaped')], /leads out of the archive by "\.\."/],
  ['.. in the middle', [directory('rootfs/a'), file('a/../../../escaped')], /by "\.\."/],
  ['an absolute path', [{ path: '/escaped', body: 'x' }], /its path is absolute/],
  [
    'a symbolic link to the outside',
    [symlink('rootfs/l', '/'), file('l/escaped')],
    /"rootfs\/l\/escaped": it lies behind "l", which the archive placed as a symlink/,
  ],
  ['a relative symbolic link', [symlink('rootfs/l', '../../..'), file('l/escaped')], /behind "l"/],
  [
    'a link to a link',
    [symlink('rootfs/k', '/'), symlink('rootfs/l', 'k'), file('l/e/escaped')],
    /behind "l"/,
  ],
  [
    'a link that is itself inside',
    [directory('rootfs/d'), symlink('rootfs/l', 'd'), file('l/x')],
    /behind "l"/,
  ],
  [
    'a file as directory',
    [file('f'), file('f/x')],
    /behind "f", which the archive placed as a file/,
  ],
  ['a hard link to ..', [hardLink('rootfs/l', 'rootfs/../../../etc/passwd')], /outside of rootfs/],
  [
    'a hard link to an absolute path',
    [hardLink('rootfs/l', '/etc/passwd')],
    /absolute path "\/etc\/passwd"/,
  ],
  ['a hard link to the manifest', [hardLink('rootfs/l', 'manifest')], /outside of rootfs/],
  [
    'a hard link to what is not there',
    [hardLink('rootfs/l', 'rootfs/none')],
    /has not placed before it/,
  ],
  [
    'a hard link to what comes later',
    [hardLink('rootfs/l', 'rootfs/f'), file('f')],
    /has not placed before it/,
  ],
  [
    'a hard link through a link',
    [symlink('rootfs/d', '/etc'), hardLink('rootfs/l', 'rootfs/d/passwd')],
    /has not placed before it/,
  ],
  [
    'a hard link to a directory',
    [directory('rootfs/d'), hardLink('rootfs/l', 'rootfs/d')],
    /has not placed before it/,
  ],
  [
    'a link in place of a directory that is used',
    [file('d/x'), symlink('rootfs/d', '/')],
    /holds this path twice/,
  ],
  ['a path twice', [symlink('rootfs/x', '/etc/passwd'), file('x')], /holds this path twice/],
  ['a whiteout', [{ path: 'rootfs/x', flag: '3', device: [0, 0] }], /character device 0:0/],
  [
    'attributes of overlayfs',
    [{ path: 'rootfs/x', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } }],
    /"trusted\.overlay\.redirect" belongs to the overlay/,
  ],
  [
    'a target that is too long',
    [{ ...symlink('rootfs/x', 'y'), pax: { linkpath: 'y/'.repeat(3000) } }],
    /cannot extract "rootfs\/x": the path it leads to is too long/,
  ],
];

describe.runIf(requires('root'))('render() of hostile archives', () => {
  it.each(HOSTILE)(
    'refuses %s, naming the entry, and leaves nothing',
    async (_, entries, message) => {
      await expect(rendered(...entries)).rejects.toThrow(message);

      expect(readdirSync(fixture.dir).sort()).toEqual(['a.tar', 'cas']);
      expect(readdirSync(join(fixture.cas, 'tmp'))).toEqual([]);
      expect(existsSync(join(fixture.cas, 'tree'))).toBe(false);
      expect(existsSync('/escaped')).toBe(false);
    },
  );

  it('keeps links that point outside as they are, as long as nothing lies behind them', async () => {
    const root = await rendered(symlink('rootfs/l', '/etc/passwd'), symlink('rootfs/m', '../../x'));

    expect(snapshot(root)).toMatchObject({
      l: { target: '/etc/passwd' },
      m: { target: '../../x' },
    });
  });

  it('refuses too many entries and bytes', async () => {
    fixture.cleanUp();
    fixture = makeTreeFixture({ limits: { maxEntries: 10, maxBytes: 1000, maxManifest: 1000 } });
    const many = Array.from({ length: 10 }, (_, i) => file(`f${i}`));

    await expect(rendered(...many)).rejects.toThrow(/more than 10 entries/);
    await expect(rendered(file(`${'d/'.repeat(10)}x`))).rejects.toThrow(/more than 10 entries/);
    await expect(rendered(file('x', 'x'.repeat(1001)))).rejects.toThrow(/more than 1000 bytes/);
    await expect(rendered(file('x', 'x'.repeat(900)))).resolves.toBeDefined();
  });

  it('refuses a sparse file of a petabyte at once', async () => {
    const bomb = {
      path: 'rootfs/bomb',
      pax: { 'GNU.sparse.size': String(2 ** 50), 'GNU.sparse.map': '0,1' },
      body: 'x',
    };
    const started = performance.now();

    await expect(rendered(bomb)).rejects.toMatchObject({ code: 'ARCHIVE_TOO_BIG' });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('says so when the disk is full, and leaves nothing', async () => {
    fixture.add('a', { entries: [file('big', 'x'.repeat(3_000_000))] });
    kernel.mount({
      source: 'none',
      target: join(fixture.cas, 'tmp'),
      fstype: 'tmpfs',
      data: 'size=1m',
    });
    try {
      await expect(fixture.render('a')).rejects.toMatchObject({ code: 'EXTRACT_NO_SPACE' });
      expect(readdirSync(join(fixture.cas, 'tmp'))).toEqual([]);
    } finally {
      kernel.unmount(join(fixture.cas, 'tmp'));
    }
  });

  it('says so when the extracting process dies', async () => {
    fixture.cleanUp();
    fixture = makeTreeFixture({ workers: { extract: ['sh', '-c', 'kill -KILL $$'] } });

    await expect(rendered(file('x'))).rejects.toThrow(/"sh" was ended by SIGKILL/);
  });
});
