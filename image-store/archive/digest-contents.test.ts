import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tarOf } from '../../test/helpers/hostile-tar.ts';
import { digestContents, DIGEST_SIZE } from './digest-contents.ts';
import { openTarReader } from './tar-reader.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'digests-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

it('hands the digests of files on now and then, however little is in them', async () => {
  const archive = tarOf(
    { path: 'first', body: 'first' },
    ...Array.from({ length: 3000 }, (_, at) => ({ path: `${at}` })),
  );
  writeFileSync(join(dir, 'archive'), archive);
  const fd = openSync(join(dir, 'archive'), 'r');
  const written: Buffer[] = [];
  await digestContents([openTarReader(fd, archive.length)], {
    write: (digests) => written.push(digests),
    signal: new AbortController().signal,
  });
  closeSync(fd);

  const sha512 = (text: string): Buffer => createHash('sha512').update(text).digest();
  const all = Buffer.concat(written);
  expect(all.subarray(0, DIGEST_SIZE)).toEqual(sha512('first'));
  expect(all.subarray(-DIGEST_SIZE)).toEqual(sha512(''));
  expect(all).toHaveLength(3001 * DIGEST_SIZE);
  expect(Math.max(...written.map(({ length }) => length))).toBeLessThan(2000 * DIGEST_SIZE);
});
