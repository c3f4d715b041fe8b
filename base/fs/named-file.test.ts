import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNamedFile } from './named-file.ts';

describe('readNamedFile()', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'named-'));
  });
  afterAll(() => {
    rmSync(dir, { recursive: true });
  });

  it.each([0, 1, 65_536, 65_537, 200_000])('reads a file of %i bytes', (size) => {
    const path = join(dir, 'file');
    const content = Buffer.alloc(size, 'gantry');
    writeFileSync(path, content);

    expect(readNamedFile(path, size)).toEqual(content);
    if (size > 0) expect(() => readNamedFile(path, size - 1)).toThrow(`more than ${size - 1}`);
  });

  it('does not read without end', () => {
    expect(() => readNamedFile('/dev/zero', 1_000_000)).toThrow('it has more than 1000000 bytes');
    expect(readNamedFile('/dev/null', 0)).toEqual(Buffer.alloc(0));
  });

  it.each([
    ['/no/such', 'ENOENT'],
    ['/', 'EISDIR'],
  ])('says what the system has against %s', (path, code) => {
    expect(() => readNamedFile(path, 1)).toThrow(expect.objectContaining({ code }));
  });
});
