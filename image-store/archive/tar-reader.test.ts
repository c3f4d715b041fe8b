import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { directory, type TarEntry, tarOf } from '../../test/helpers/hostile-tar.ts';
import type { ArchiveEntry } from './entry.ts';
import { openTarReader } from './tar-reader.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'tar-reader-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

interface Read {
  readonly entry: ArchiveEntry;
  readonly content: string;
}

function readAll(path: string, bufferSize?: number): readonly Read[] {
  const fd = openSync(path, 'r');
  try {
    const reader = openTarReader(fd, fstatSync(fd).size, bufferSize);
    const found: Read[] = [];
    for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
      const pieces: Buffer[] = [];
      for (let piece = reader.piece(); piece !== undefined; piece = reader.piece()) {
        pieces.push(Buffer.from(piece));
      }
      found.push({ entry, content: Buffer.concat(pieces).toString('latin1') });
    }
    return found;
  } finally {
    closeSync(fd);
  }
}

function read(...entries: readonly TarEntry[]): readonly Read[] {
  const path = join(dir, 'a.tar');
  writeFileSync(path, tarOf(...entries));
  return readAll(path);
}

function readOne(entry: TarEntry): Read {
  const [found] = read(entry);
  if (found === undefined) throw new Error('no entry');
  return found;
}

describe('openTarReader()', () => {
  it('reads entries one after the other, skipping what nobody asks for', () => {
    const body = 'b'.repeat(1_000_000);
    const path = join(dir, 'a.tar');
    writeFileSync(path, tarOf({ path: 'a', body }, directory('d/'), { path: 'c', body: 'c' }));
    const fd = openSync(path, 'r');
    const reader = openTarReader(fd, fstatSync(fd).size);

    expect(reader.next()?.path).toBe('a');
    expect(reader.piece()?.length).toBeGreaterThan(0);
    expect(reader.next()?.type).toBe('directory');
    expect(reader.piece()).toBeUndefined();
    expect(reader.next()?.path).toBe('c');
    expect(reader.piece()?.toString()).toBe('c');
    expect(reader.next()).toBeUndefined();
    closeSync(fd);
  });

  it('reads the same through a buffer of one block', () => {
    const path = join(dir, 'a.tar');
    writeFileSync(path, tarOf({ path: 'a', body: 'x'.repeat(3000) }, { path: 'b', body: 'y' }));

    expect(readAll(path, 512)).toEqual(readAll(path));
  });

  it('keeps extended attributes as bytes', () => {
    const value = Buffer.from([0, 1, 2, 0x0a, 0xff, 0x3d, 0]);
    const { entry } = readOne({
      path: 'a',
      pax: { 'SCHILY.xattr.security.capability': value, 'SCHILY.xattr.user.a=b': 'c=d' },
    });

    expect(entry.xattrs.find(({ name }) => name === 'security.capability')?.value).toEqual(value);
  });

  it('reads attributes in the form of libarchive', () => {
    const { entry } = readOne({ path: 'a', pax: { 'LIBARCHIVE.xattr.user.a%20b': 'AAE=' } });

    expect(entry.xattrs).toEqual([{ name: 'user.a b', value: Buffer.from([0, 1]) }]);
  });

  it.each([
    ['1700000000.123456789', 1_700_000_000_123_456_789n],
    ['1700000000.5', 1_700_000_000_500_000_000n],
    ['-1.25', -1_250_000_000n],
    ['12', 12_000_000_000n],
  ])('keeps the time %s to the nanosecond', (mtime, expected) => {
    expect(readOne({ path: 'a', pax: { mtime } }).entry.mtimeNs).toBe(expected);
  });

  it('keeps large owners, from PAX and from base 256', () => {
    expect(readOne({ path: 'a', pax: { uid: '4000000000', gid: '70000' } }).entry).toMatchObject({
      uid: 4_000_000_000,
      gid: 70_000,
    });
    expect(readOne({ path: 'a', uid: 4_000_000_000 }).entry.uid).toBe(4_000_000_000);
  });

  it('keeps set-id bits and device numbers, in old GNU archives too', () => {
    const gnu = (block: Buffer): void => void block.write('ustar  \0', 257, 'latin1');

    expect(readOne({ path: 'a', mode: 0o104755 }).entry.mode).toBe(0o4755);
    expect(readOne({ path: 'a', flag: '4', device: [7, 9], patch: gnu }).entry.device).toEqual({
      major: 7,
      minor: 9,
    });
  });

  it('applies long names of GNU and PAX to the next entry only', () => {
    const long = 'n/'.repeat(300);
    const found = read(
      { path: '././@LongLink', flag: 'L', body: `${long}a\0` },
      { path: '././@LongLink', flag: 'K', body: `${long}b\0` },
      { path: 'short', flag: '2', linkPath: 'short' },
      { path: 'x', pax: { path: `${long}c`, linkpath: 'ignored' } },
      { path: 'last' },
    );

    expect(found.map(({ entry }) => [entry.path, entry.linkPath])).toEqual([
      [`${long}a`, `${long}b`],
      [`${long}c`, ''],
      ['last', ''],
    ]);
  });

  it('takes the size from PAX, also for passing over', () => {
    const found = read(
      { path: 'a', body: 'x'.repeat(700), size: 0, pax: { size: '700' } },
      { path: 'b' },
    );

    expect(found.map(({ entry }) => entry.path)).toEqual(['a', 'b']);
    expect(found[0]?.content).toHaveLength(700);
  });

  it('takes a file whose name ends in a slash for a directory', () => {
    expect(readOne({ path: 'd/', flag: '\0' }).entry.type).toBe('directory');
  });

  it.each([
    ['0.1', { 'GNU.sparse.size': '100', 'GNU.sparse.map': '10,3,50,2,100,0' }, 'abcde'],
    [
      '1.0',
      {
        'GNU.sparse.major': '1',
        'GNU.sparse.minor': '0',
        'GNU.sparse.realsize': '100',
        'GNU.sparse.name': 'real',
      },
      `2\n10\n3\n50\n2\n${'\0'.repeat(512 - 12)}abcde`,
    ],
  ])('reads a sparse file of format %s', (_, pax, body) => {
    const { entry, content } = readOne({ path: 'real', body, pax });

    expect(entry).toMatchObject({
      path: 'real',
      size: 100,
      sparse: [
        { offset: 10, length: 3 },
        { offset: 50, length: 2 },
      ],
    });
    expect(content).toBe('abcde');
  });

  it.each([
    ['out of order', '50,2,10,3'],
    ['beyond the size', '10,3,99,2'],
    ['of more bytes than there are', '10,3,50,20'],
    ['of fewer bytes than there are', '10,3'],
  ])('rejects a sparse map %s', (_, map) => {
    const pax = { 'GNU.sparse.size': '100', 'GNU.sparse.map': map };

    expect(() => readOne({ path: 'a', body: 'abcde', pax })).toThrow(/its sparse map/);
  });

  it.each(['--format=gnu', '--sparse-version=0.0', '--sparse-version=0.1', '--sparse-version=1.0'])(
    'reads what tar --sparse %s wrote',
    async (format) => {
      const file = join(dir, 'sparse');
      writeFileSync(file, '');
      const fd = openSync(file, 'r+');
      const runs = 40;
      for (let i = 0; i < runs; i++) writeSync(fd, 'piece', i * 65_536);
      closeSync(fd);
      const archive = join(dir, 'sparse.tar');
      const flags = format === '--format=gnu' ? [format] : ['--format=pax', format];
      const made = await nodeExec.run({
        argv: ['tar', '-S', ...flags, '-cf', archive, '-C', dir, 'sparse'],
        env: { PATH: '/usr/bin:/bin' },
      });
      demandSuccess(made, 'make an archive');

      const [found] = readAll(archive);
      expect(found?.entry).toMatchObject({ path: 'sparse', size: (runs - 1) * 65_536 + 5 });
      expect(found?.content.replaceAll('\0', '')).toBe('piece'.repeat(runs));
      expect(found?.entry.sparse?.length).toBe(runs);
    },
  );
});
