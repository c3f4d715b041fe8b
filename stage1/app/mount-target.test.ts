import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureMountTarget } from './mount-target.ts';

let dir: string;
let root: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'target-'));
  root = join(dir, 'root');
  mkdirSync(root);
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('ensureMountTarget()', () => {
  it('makes folders, and a file where a file is mounted, for every user', () => {
    const old = process.umask(0o077);
    try {
      expect(ensureMountTarget({ root, target: '/a/b', directory: true })).toBe(join(root, 'a/b'));
      ensureMountTarget({ root, target: '/c/d', directory: false });
    } finally {
      process.umask(old);
    }

    expect(statSync(join(root, 'a')).mode & 0o777).toBe(0o755);
    expect(statSync(join(root, 'a/b')).isDirectory()).toBe(true);
    expect(statSync(join(root, 'c/d')).isFile()).toBe(true);
  });

  it('never makes anything outside the root', () => {
    symlinkSync('../../outside', join(root, 'up'));
    symlinkSync(join(dir, 'outside'), join(root, 'absolute'));

    expect(ensureMountTarget({ root, target: '/up/x', directory: true })).toBe(
      join(root, 'outside/x'),
    );
    ensureMountTarget({ root, target: '/absolute', directory: true });
    expect(existsSync(join(dir, 'outside'))).toBe(false);
  });

  it('rejects a target of the other kind', () => {
    writeFileSync(join(root, 'f'), '');

    expect(() => ensureMountTarget({ root, target: '/f', directory: true })).toThrow(
      'cannot mount on "/f" of the app: not a directory',
    );
    expect(() => ensureMountTarget({ root, target: '/f/x', directory: true })).toThrow(
      'cannot mount on "/f/x" of the app: a part of the path is not a directory',
    );
  });

  it('names a target that no file can have', () => {
    const target = `/${'x'.repeat(300)}`;

    expect(() => ensureMountTarget({ root, target, directory: true })).toThrow(
      `cannot mount on "${target}" of the app: the name is too long`,
    );
  });
});
