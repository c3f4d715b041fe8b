import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import {
  aciOf,
  directory,
  hardLink,
  MANIFEST,
  paxEntry,
  symlink,
  tarOf,
} from '../../test/helpers/hostile-tar.ts';
import { type AciContents, inspectAci } from './inspect.ts';
import { DEFAULT_ARCHIVE_LIMITS } from './limits.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'inspect-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const inspect = async (
  bytes: Buffer,
  limits: Partial<typeof DEFAULT_ARCHIVE_LIMITS> = {},
): Promise<AciContents> => {
  const path = join(dir, 'a.tar');
  writeFileSync(path, bytes);
  return await inspectAci(path, { ...DEFAULT_ARCHIVE_LIMITS, ...limits });
};

describe('inspectAci()', () => {
  it('reads the manifest and counts', async () => {
    const contents = await inspect(
      aciOf({ path: 'rootfs/a/b', body: 'x'.repeat(600) }, symlink('rootfs/l', '/etc/passwd')),
    );

    expect(contents).toEqual({
      manifestText: MANIFEST,
      entries: 4,
      bytes: 600 + Buffer.byteLength(MANIFEST),
    });
  });

  it('accepts ./ in front of names and an entry for the top', async () => {
    const bytes = tarOf(
      directory('./'),
      { path: './manifest', body: MANIFEST },
      directory('./rootfs/'),
    );

    expect((await inspect(bytes)).manifestText).toBe(MANIFEST);
  });

  const latin1 = tarOf(
    { path: 'manifest', body: Buffer.of(0x22, 0xe4, 0x22) },
    directory('rootfs'),
  );
  it.each([
    ['without a manifest', tarOf(directory('rootfs')), /it has no manifest/],
    ['without a rootfs', tarOf({ path: 'manifest', body: MANIFEST }), /it has no rootfs/],
    ['with two manifests', aciOf({ path: './manifest', body: '{}' }), /holds "manifest" twice/],
    ['with a path twice', aciOf({ path: 'rootfs/a' }, { path: 'rootfs//a' }), /"rootfs\/a" twice/],
    ['with anything else', aciOf({ path: 'other' }), /"other" is neither/],
    ['with rootfs a file', aciOf({ path: 'rootfs' }), /rootfs is no directory/],
    ['with rootfs a link', aciOf(symlink('rootfs', '/')), /rootfs is no directory/],
    ['with its manifest a link', tarOf(symlink('manifest', 'rootfs/m')), /manifest is no file/],
    ['with its manifest a directory', tarOf(directory('manifest')), /manifest is no file/],
    ['with a manifest in Latin-1', latin1, /manifest is not UTF-8/],
    ['with a manifest too large', aciOf({ path: 'rootfs/x' }), /larger than 10 bytes/],
  ])('rejects an archive %s', async (_, bytes, message) => {
    const limits = message.source.includes('larger') ? { maxManifest: 10 } : {};

    await expect(inspect(bytes, limits)).rejects.toThrow(message);
    await expect(inspect(bytes, limits)).rejects.toMatchObject({ code: 'ACI_LAYOUT_INVALID' });
  });

  it.each([
    ['an absolute path', { path: '/etc/passwd' }, /"\/etc\/passwd": its path is absolute/],
    ['a path with ..', { path: 'rootfs/../../etc/passwd' }, /leads out of the archive by "\.\."/],
    [
      'a name that is too long',
      { path: 'x', pax: { path: `rootfs/${'n'.repeat(256)}` } },
      /too long/,
    ],
    ['a link without a target', symlink('rootfs/l', ''), /a link without a target/],
    ['an unknown type', { path: 'rootfs/x', flag: 'M' }, /unknown type "M"/],
    ['a symbolic link with content', { ...symlink('rootfs/l', 'x'), body: 'y' }, /yet has content/],
    ['an owner out of range', { path: 'rootfs/x', pax: { uid: '4294967295' } }, /no user or group/],
    [
      'a device out of range',
      { path: 'rootfs/x', flag: '3', device: [4096, 0] as const },
      /no device 4096:0/,
    ],
    [
      'an access control list',
      { path: 'rootfs/x', pax: { 'SCHILY.acl.access': 'user::rw-' } },
      /access control list/,
    ],
  ])('rejects %s', async (_, entry, message) => {
    await expect(inspect(aciOf(entry))).rejects.toThrow(message);
    await expect(inspect(aciOf(entry))).rejects.toMatchObject({ code: 'ARCHIVE_ENTRY_REFUSED' });
  });

  it.each([
    [
      'a link placed before it',
      [symlink('rootfs/l', '/etc'), { path: 'rootfs/l/x' }],
      /lies behind "l"/,
    ],
    ['a file above it', [{ path: 'rootfs/f' }, { path: 'rootfs/f/a/x' }], /lies behind "f"/],
    ['a hard link to the host', [hardLink('rootfs/h', '/etc/passwd')], /absolute path/],
    ['a hard link past rootfs', [hardLink('rootfs/h', 'rootfs/../manifest')], /outside of rootfs/],
    ['a hard link to nothing', [hardLink('rootfs/h', 'rootfs/x')], /not placed before it/],
    [
      'a hard link through a link',
      [symlink('rootfs/l', '/etc'), hardLink('rootfs/h', 'rootfs/l/passwd')],
      /not placed before it/,
    ],
    [
      'a hard link to a directory',
      [directory('rootfs/d'), hardLink('rootfs/h', 'rootfs/d')],
      /not placed/,
    ],
    [
      'an attribute of no namespace',
      [{ path: 'rootfs/x', pax: { 'SCHILY.xattr.mine.a': 'b' } }],
      /attribute "mine\.a" is none/,
    ],
    [
      'an attribute with too long a name',
      [{ path: 'rootfs/x', pax: { [`SCHILY.xattr.user.${'a'.repeat(251)}`]: 'b' } }],
      /attribute "user\.a*…" is none/,
    ],
    [
      'an attribute that is too large',
      [{ path: 'rootfs/x', pax: { 'SCHILY.xattr.user.a': 'b'.repeat(65_537) } }],
      /attribute "user\.a" is none/,
    ],
    ['a whiteout device', [{ path: 'rootfs/w', flag: '3' }], /character device 0:0/],
  ])('rejects what could not be placed: %s', async (_, entries, message) => {
    const inspected = inspect(aciOf(...entries));

    await expect(inspected).rejects.toThrow(message);
    await expect(inspected).rejects.toMatchObject({ code: 'ARCHIVE_ENTRY_REFUSED' });
  });

  it('never shows control characters of a hostile name', async () => {
    const hostile = inspect(aciOf({ path: '/\u001b[2J\u202e' }));

    await expect(hostile).rejects.toThrow('cannot extract "/?[2J?"');
  });

  const whole = aciOf({ path: 'rootfs/a', body: 'a'.repeat(2000) });
  it.each([
    ['in its end mark', whole.subarray(0, -1024), 'ARCHIVE_TRUNCATED'],
    ['in a file', whole.subarray(0, -2000), 'ARCHIVE_TRUNCATED'],
    ['in a header', whole.subarray(0, 700), 'ARCHIVE_TRUNCATED'],
    ['at once', Buffer.alloc(0), 'ARCHIVE_TRUNCATED'],
  ])('rejects an archive cut off %s', async (_, bytes, code) => {
    await expect(inspect(bytes)).rejects.toMatchObject({ code });
  });

  it.each([
    [
      'garbage behind the end',
      Buffer.concat([whole, Buffer.from('garbage')]),
      /data after its end/,
    ],
    ['an archive behind the end', Buffer.concat([whole, whole]), /data after its end/],
    ['garbage', Buffer.alloc(1024, 'x'), /number that is none|check sum/],
    [
      'a wrong check sum',
      Buffer.concat([whole.subarray(0, 10), Buffer.from('x'), whole.subarray(11)]),
      /check sum/,
    ],
    [
      'a name that is not UTF-8',
      aciOf({ path: 'rootfs/x', patch: (b) => void (b[8] = 0xff) }),
      /not UTF-8/,
    ],
    [
      'a negative size',
      aciOf({ path: 'rootfs/x', patch: (b) => b.fill(0xff, 124, 136) }),
      /impossible size/,
    ],
    [
      'an endless number',
      aciOf({ path: 'rootfs/x', patch: (b) => b.fill(0xbf, 124, 136) }),
      /beyond all bounds/,
    ],
    [
      'a broken PAX record',
      aciOf({ path: 'rootfs/x', pax: { size: '1x' } }),
      /"size" is no number/,
    ],
    [
      'a global header that changes entries',
      Buffer.concat([paxEntry({ path: 'evil' }, 'g'), whole]),
      /global PAX header changes "path"/,
    ],
    [
      'a header without an entry',
      Buffer.concat([whole.subarray(0, -1024), paxEntry({ a: 'b' }), Buffer.alloc(1024)]),
      /belongs to no entry/,
    ],
    [
      'an extension that is too large',
      aciOf({ path: 'x', flag: 'L', size: 2 ** 30 }),
      /extension header is too large/,
    ],
  ])('rejects %s', async (_, bytes, message) => {
    await expect(inspect(bytes)).rejects.toThrow(message);
    await expect(inspect(bytes)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });

  it('rejects more entries than allowed, directories without entries among them', async () => {
    const deep = aciOf({ path: `rootfs/${'d/'.repeat(40)}f` });

    await expect(inspect(deep, { maxEntries: 43 })).resolves.toMatchObject({ entries: 3 });
    await expect(inspect(deep, { maxEntries: 42 })).rejects.toMatchObject({
      code: 'ARCHIVE_TOO_BIG',
    });
  });

  it('rejects more bytes than allowed, holes among them', async () => {
    const bomb = aciOf({
      path: 'rootfs/x',
      pax: { 'GNU.sparse.size': String(2 ** 50), 'GNU.sparse.map': '0,1' },
      body: 'x',
    });

    await expect(inspect(bomb)).rejects.toMatchObject({ code: 'ARCHIVE_TOO_BIG' });
  });

  it('rejects a hard link in place of a manifest', async () => {
    await expect(inspect(tarOf(hardLink('manifest', 'rootfs/m')))).rejects.toThrow(/no file/);
  });

  it('throws nothing but its own errors, whatever the bytes', async () => {
    const valid = aciOf(
      { path: 'rootfs/a', body: 'text', pax: { mtime: '1.5', 'SCHILY.xattr.user.a': 'b' } },
      { path: 'rootfs/s', pax: { 'GNU.sparse.size': '9', 'GNU.sparse.map': '0,4' }, body: 'data' },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.boolean(),
        async (changes, right) => {
          const bytes = Buffer.from(valid);
          for (const [at, value] of changes) bytes[at] = value;
          if (right) repairCheckSums(bytes);
          try {
            await inspect(bytes);
          } catch (error) {
            expect(
              isGantryError(
                error,
                'ARCHIVE_CORRUPT',
                'ARCHIVE_TRUNCATED',
                'ARCHIVE_ENTRY_REFUSED',
                'ARCHIVE_TOO_BIG',
                'ACI_LAYOUT_INVALID',
              ),
              String(error),
            ).toBe(true);
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

/** Makes the sums of all blocks that look like headers right, so that what is behind them is reached. */
function repairCheckSums(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.write('        ', 148);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  }
}
