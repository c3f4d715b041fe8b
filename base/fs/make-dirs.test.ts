import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirs } from './make-dirs.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dirs-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const modeOf = (path: string): number => statSync(join(root, path)).mode & 0o7777;

describe('makeDirs()', () => {
  it.each([0o000, 0o077])('gives the same permissions under umask %o', (mask) => {
    const umask = process.umask(mask);
    try {
      makeDirs(join(root, 'a/b'), 0o755);
    } finally {
      process.umask(umask);
    }

    expect([modeOf('a'), modeOf('a/b')]).toEqual([0o755, 0o755]);
  });

  it('leaves alone what is there, a link to a directory too', () => {
    mkdirSync(join(root, 'real'), { mode: 0o700 });
    symlinkSync('real', join(root, 'link'));
    makeDirs(join(root, 'link'), 0o755);
    makeDirs(join(root, 'link'), 0o755);

    expect(modeOf('real')).toBe(0o700);
  });

  it('rejects a file, a link that leads nowhere, and a place that takes no directories', () => {
    writeFileSync(join(root, 'file'), '');
    symlinkSync('nowhere', join(root, 'dangling'));

    const notMade = expect.objectContaining({ code: 'DIRECTORY_NOT_MADE' });
    expect(() => makeDirs(join(root, 'file'), 0o755)).toThrow(notMade);
    expect(() => makeDirs(join(root, 'dangling'), 0o755)).toThrow(notMade);
    expect(() => makeDirs('/proc/nothing/here', 0o755)).toThrow(notMade);
    expect(() => makeDirs(join(root, 'file/x'), 0o755)).toThrow('ENOTDIR');
  });
});
