import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { tempDir } from '../format/layout.ts';
import { makeTempEntry, sweepTemp } from './temp-entry.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'temp-'));
  mkdirSync(tempDir(dir));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('makeTempEntry()', () => {
  it('makes a folder for the group, whatever the umask, and removes it whole', () => {
    const umask = process.umask(0o077);
    const entry = makeTempEntry(linuxKernel, dir, 'a');
    process.umask(umask);
    mkdirSync(join(entry.path, 'b/c'), { recursive: true });

    expect(statSync(entry.path).mode).toBe(0o42770);
    entry.remove();
    entry.remove();
    expect(readdirSync(tempDir(dir))).toEqual([]);
  });

  it('makes another one when its folder is swept before it is locked', () => {
    const paths: string[] = [];
    const sweeping: Kernel = {
      ...linuxKernel,
      flock: (fd, operation) => {
        const [name = ''] = readdirSync(tempDir(dir));
        paths.push(name);
        if (paths.length === 1) rmSync(join(tempDir(dir), name), { recursive: true });
        return linuxKernel.flock(fd, operation);
      },
    };
    using entry = makeTempEntry(sweeping, dir, 'a');

    expect(paths).toHaveLength(2);
    expect(existsSync(entry.path)).toBe(true);
    expect(dirname(entry.path)).toBe(tempDir(dir));
  });
});

describe('sweepTemp()', () => {
  it('removes what nobody holds, a plain file too, and nothing else', () => {
    using living = makeTempEntry(linuxKernel, dir, 'a');
    mkdirSync(join(tempDir(dir), 'dead/x'), { recursive: true });
    writeFileSync(join(tempDir(dir), 'file'), '');

    expect(sweepTemp(linuxKernel, dir)).toBe(2);
    expect(readdirSync(tempDir(dir)).map((name) => join(tempDir(dir), name))).toEqual([
      living.path,
    ]);
  });

  it('leaves what could not be salvaged for somebody who can', () => {
    mkdirSync(join(tempDir(dir), 'dead'));
    const removed = sweepTemp(linuxKernel, dir, () => {
      throw new GantryError('STORE_FULL', 'no room');
    });

    expect(removed).toBe(0);
    expect(readdirSync(tempDir(dir))).toEqual(['dead']);
  });
});
