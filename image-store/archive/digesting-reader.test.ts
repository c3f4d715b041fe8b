import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { directory, tarOf } from '../../test/helpers/hostile-tar.ts';
import { createPipeSource } from './byte-source.ts';
import { digesting, type DigestingReader } from './digesting-reader.ts';
import { readLayer } from './tar-reader.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'digesting-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Reads an archive as it comes through a pipe, some of it before. */
function reading<T>(archive: Buffer, before: number, work: (reader: DigestingReader) => T): T {
  const path = join(dir, 'archive');
  writeFileSync(path, archive);
  const fd = openSync(path, 'r');
  try {
    const first = Buffer.alloc(before);
    readSync(fd, first);
    return work(digesting(readLayer(createPipeSource(fd, first))));
  } finally {
    closeSync(fd);
  }
}

const large = 'large '.repeat(100_000);
const sha512 = (text: string): Buffer => createHash('sha512').update(text).digest();

describe('digesting()', () => {
  it.each([0, 3, 2000, 300_000])('hashes what is read of an archive, %i bytes before', (before) => {
    const archive = tarOf(
      { path: 'empty', body: '' },
      directory('d'),
      { path: 'd/small', body: 'small' },
      { path: 'passed-over', body: large },
      { path: 'large', body: large },
    );
    const digests = reading(archive, before, (reader) => {
      for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
        while (entry.path !== 'passed-over' && reader.piece() !== undefined);
      }
      return [0, 1, 2, 3, 4, 5000].map((index) => reader.digestOf(index));
    });

    expect(digests).toEqual([
      sha512(''),
      sha512('small'),
      undefined,
      sha512(large),
      undefined,
      undefined,
    ]);
  });

  it('says of more files than it had room for at first', () => {
    const bodies = Array.from({ length: 2500 }, (_, at) => `${at}`);
    const archive = tarOf(...bodies.map((body) => ({ path: body, body })));
    const digests = reading(archive, 0, (reader) => {
      while (reader.next() !== undefined) while (reader.piece() !== undefined);
      return bodies.map((_, index) => reader.digestOf(index));
    });

    expect(digests).toEqual(bodies.map(sha512));
  });

  it('refuses what ends inside a file that is passed over', () => {
    const archive = tarOf({ path: 'a', body: large }).subarray(0, 10_000);

    expect(() =>
      reading(archive, 0, (reader) => {
        while (reader.next() !== undefined);
      }),
    ).toThrow(expect.objectContaining({ code: 'ARCHIVE_TRUNCATED' }));
  });
});
