import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renameDurably, writeFileAtomic } from './atomic.ts';
import { resolveInside } from './inside.ts';
import { uniqueName } from './unique-name.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fs-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('writeFileAtomic()', () => {
  it('replaces a file and leaves nothing else', () => {
    writeFileAtomic(join(dir, 'a'), 'one');
    writeFileAtomic(join(dir, 'a'), 'two');

    expect(readFileSync(join(dir, 'a'), 'utf8')).toBe('two');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it('gives the mode that was asked for, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      writeFileAtomic(join(dir, 'a'), 'x', { mode: 0o660 });
    } finally {
      process.umask(umask);
    }

    expect(statSync(join(dir, 'a')).mode & 0o777).toBe(0o660);
  });

  it('replaces whole without waiting for the disk, when asked', () => {
    writeFileAtomic(join(dir, 'a'), 'one', { durable: false });
    writeFileAtomic(join(dir, 'a'), 'two', { durable: false });

    expect(readFileSync(join(dir, 'a'), 'utf8')).toBe('two');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  it('leaves nothing when it fails', () => {
    mkdirSync(join(dir, 'a', 'b'), { recursive: true });

    expect(() => writeFileAtomic(join(dir, 'a'), 'x')).toThrow();
    expect(readdirSync(dir)).toEqual(['a']);
  });
});

describe('uniqueName()', () => {
  it('does not repeat itself and fits into a file name', () => {
    const names = Array.from({ length: 1000 }, uniqueName);

    expect(new Set(names).size).toBe(1000);
    for (const name of names) expect(name).toMatch(/^[0-9a-z]+-[0-9a-z]+$/);
  });
});

describe('renameDurably()', () => {
  it('moves', () => {
    writeFileAtomic(join(dir, 'a'), 'x');
    renameDurably(join(dir, 'a'), join(dir, 'b'));

    expect(existsSync(join(dir, 'b'))).toBe(true);
  });
});

describe('resolveInside()', () => {
  it('keeps links and .. inside the root', () => {
    mkdirSync(join(dir, 'usr/lib'), { recursive: true });
    symlinkSync('/usr/lib', join(dir, 'lib'));
    symlinkSync('../../../../etc', join(dir, 'usr/up'));

    expect(resolveInside(dir, '/lib/x')).toBe(join(dir, 'usr/lib/x'));
    expect(resolveInside(dir, '../../etc/passwd')).toBe(join(dir, 'etc/passwd'));
    expect(resolveInside(dir, 'usr/up/passwd')).toBe(join(dir, 'etc/passwd'));
    expect(resolveInside(dir, '/')).toBe(dir);
  });

  it('takes what follows a link from where it leads', () => {
    mkdirSync(join(dir, 'run/lock'), { recursive: true });
    mkdirSync(join(dir, 'var'));
    symlinkSync('/run/lock', join(dir, 'var/lock'));

    expect(resolveInside(dir, '/var/lock/../x')).toBe(join(dir, 'run/x'));
  });

  it('rejects a circle of links', () => {
    symlinkSync('b', join(dir, 'a'));
    symlinkSync('a', join(dir, 'b'));

    expect(() => resolveInside(dir, 'a')).toThrow(/too many symbolic links/);
  });
});
