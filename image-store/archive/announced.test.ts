import { describe, expect, it } from 'vitest';
import { directory, tarEntry, type TarEntry, tarOf } from '../../test/helpers/hostile-tar.ts';
import { watchAnnounced } from './announced.ts';

const GIB = 1024 ** 3;

/** How much of an archive has come when it is refused; undefined when it is not. */
function refusedAt(archive: Buffer, maxBytes: number, step = 1000): number | undefined {
  const look = watchAnnounced({ maxBytes });
  for (let at = 0; at < archive.length; at += step) {
    try {
      look(archive.subarray(at, at + step));
    } catch (error) {
      expect(error).toMatchObject({ code: 'ARCHIVE_TOO_BIG' });
      return at + step;
    }
  }

  return undefined;
}

const of = (...entries: readonly TarEntry[]): Buffer => Buffer.concat(entries.map(tarEntry));

describe('watchAnnounced()', () => {
  const small = [directory('a'), { path: 'a/b', body: Buffer.alloc(1500) }];

  it.each([1, 7, 511, 512, 513, 4096])('takes what stays below, in chunks of %d', (step) => {
    const archive = tarOf(...small, { path: 'c', body: 'c', pax: { path: 'x'.repeat(300) } });
    expect(refusedAt(archive, 1501, step)).toBeUndefined();
    expect(refusedAt(archive, 1500, step)).toBeDefined();
  });

  it.each<[string, TarEntry]>([
    ['in its header', { path: 'bomb', size: GIB - 1 }],
    ['in base 256', { path: 'bomb', size: 2 ** 40 }],
    ['in a PAX record', { path: 'bomb', pax: { size: `${2 ** 40}` } }],
    ['as a sparse file', { path: 'bomb', pax: { 'GNU.sparse.realsize': `${2 ** 40}` } }],
  ])('refuses what is announced %s when it is', (_what, bomb) => {
    const head = of(...small, bomb);
    const rest = Buffer.alloc(1024 ** 2);
    expect(refusedAt(Buffer.concat([head, rest]), 1024 ** 2, 512)).toBe(head.length);
  });

  it('adds up what is announced', () => {
    const many = Array.from({ length: 20 }, (_, at) => ({
      path: `${at}`,
      body: Buffer.alloc(512),
    }));
    expect(refusedAt(of(...many), 10 * 512, 512)).toBe(21 * 512);
  });

  it.each<[string, Buffer]>([
    ['no archive', Buffer.alloc(100_000, 'x')],
    ['what follows the end', Buffer.concat([tarOf(...small), of({ path: 'bomb', size: GIB })])],
    ['an endless extension', of({ path: 'x', flag: 'x', size: GIB })],
    ['a broken record', of({ path: 'x', flag: 'x', body: 'size=7' }, { path: 'y', body: 'y' })],
    ['a size below zero', of({ path: 'x', pax: { size: '-5' } }, { path: 'y', body: 'y' })],
  ])('leaves %s to who reads it', (_what, archive) => {
    expect(refusedAt(archive, 10_000)).toBeUndefined();
  });
});
