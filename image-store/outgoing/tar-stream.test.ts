import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { bytesMember, tarStream } from './tar-stream.ts';

const LONG = `blobs/sha512/${'a'.repeat(128)}`;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tar-stream-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

async function bytesOf(...members: Parameters<typeof tarStream>[0][]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (const all of members) for await (const piece of tarStream(all)) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('tarStream()', () => {
  it('makes an archive that tar reads, long names and empty files too', async () => {
    const contents = {
      empty: '',
      'a/block': 'x'.repeat(512),
      'a/more': 'y'.repeat(513),
      [LONG]: 'z',
    };
    const members = Object.entries(contents).map(([name, text]) =>
      bytesMember(name, Buffer.from(text)),
    );
    writeFileSync(join(dir, 'a.tar'), await bytesOf(members));
    const result = await nodeExec.run({
      argv: ['tar', '-xvf', 'a.tar'],
      env: { PATH: '/usr/bin:/bin' },
      cwd: dir,
    });
    demandSuccess(result, 'tar');
    expect(result.stderr).toBe('');
    expect(result.stdout.toString().split('\n').filter(Boolean)).toEqual(Object.keys(contents));
    for (const [name, text] of Object.entries(contents)) {
      expect(readFileSync(join(dir, name), 'utf8')).toBe(text);
    }
  });

  it('gives the same bytes for the same files', async () => {
    const members = [bytesMember('a', Buffer.from('a'))];
    expect((await bytesOf(members)).equals(await bytesOf(members))).toBe(true);
  });

  it('does not go on behind a file that is not as long as it says', async () => {
    const member = { ...bytesMember('a', Buffer.from('abc')), size: 4 };
    await expect(bytesOf([member])).rejects.toThrow('has 3 bytes, not 4');
  });

  it('says the length of what is larger than old headers can tell', async () => {
    const size = 9 * 1024 ** 3;
    const member = { ...bytesMember('a', Buffer.alloc(1)), size };
    const [head] = await Array.fromAsync(takeOne([member]));
    writeFileSync(join(dir, 'large.tar'), head ?? '');
    const result = await nodeExec.run({
      argv: ['tar', '-tvf', 'large.tar'],
      env: { PATH: '/usr/bin:/bin' },
      cwd: dir,
    });
    expect(result.stdout.toString()).toContain(` ${size} `);
  });
});

/** The first piece, as nobody has nine gigabytes. */
async function* takeOne(members: Parameters<typeof tarStream>[0]): AsyncGenerator<Buffer> {
  for await (const piece of tarStream(members)) {
    yield piece;
    return;
  }
}
