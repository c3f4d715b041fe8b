import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exec } from '../exec/exec.ts';
import { nodeExec } from '../exec/node-exec.ts';
import { linuxKernel } from '../kernel/linux-kernel.ts';
import { lockPath, tryLockPath } from './directory-lock.ts';
import { lockKey, tryLockKey } from './key-lock.ts';
import { waitForLock } from './wait-for-lock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('lockPath()', () => {
  it('excludes, shares and releases', () => {
    const lock = lockPath(linuxKernel, dir, 'exclusive');
    expect(tryLockPath(linuxKernel, dir, 'shared')).toBeUndefined();
    lock.release();
    lock.release();

    using first = lockPath(linuxKernel, dir, 'shared');
    using second = lockPath(linuxKernel, dir, 'shared');
    expect(first.fd).not.toBe(second.fd);
    expect(tryLockPath(linuxKernel, dir, 'exclusive')).toBeUndefined();
  });

  it('rejects a path that is not there', () => {
    expect(() => lockPath(linuxKernel, join(dir, 'x'), 'shared')).toThrow(
      /no such file or directory/,
    );
  });
});

describe('waitForLock()', () => {
  it('leaves nothing where a directory goes just before it is waited for', async () => {
    const path = join(dir, 'pod');
    mkdirSync(path);
    const exec: Exec = {
      ...nodeExec,
      run: async (request) => {
        rmSync(path, { recursive: true });
        return await nodeExec.run(request);
      },
    };
    await waitForLock(exec, { path, timeoutMs: 10_000, env: { PATH: '/usr/bin:/bin' } });

    expect(existsSync(path)).toBe(false);
  });

  it('waits for who holds a directory', async () => {
    const path = join(dir, 'pod');
    mkdirSync(path);
    const lock = lockPath(linuxKernel, path, 'exclusive');
    const [request, before] = [{ path, timeoutMs: 200, env: {} }, Date.now()];
    await waitForLock(nodeExec, request);
    expect(Date.now() - before).toBeGreaterThanOrEqual(190);

    lock.release();
    await waitForLock(nodeExec, { ...request, timeoutMs: 60_000 });
    expect(Date.now() - before).toBeLessThan(50_000);
  });
});

describe('lockKey()', () => {
  it('excludes by name and leaves no file behind', () => {
    const lock = lockKey(linuxKernel, { folder: dir, key: 'a' });
    expect(tryLockKey(linuxKernel, { folder: dir, key: 'a' })).toBeUndefined();
    using other = lockKey(linuxKernel, { folder: dir, key: 'b' });
    expect(existsSync(other.path)).toBe(true);
    lock.release();
    other.release();

    expect(readdirSync(dir)).toEqual([]);
  });

  it('makes a file that the group can lock, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      using lock = lockKey(linuxKernel, { folder: dir, key: 'a' });
      expect(statSync(lock.path).mode & 0o777).toBe(0o660);
    } finally {
      process.umask(umask);
    }
  });

  it('keeps the name while a second shared holder is there', () => {
    const first = lockKey(linuxKernel, { folder: dir, key: 'a', mode: 'shared' });
    const second = lockKey(linuxKernel, { folder: dir, key: 'a', mode: 'shared' });
    first.release();
    expect(tryLockKey(linuxKernel, { folder: dir, key: 'a' })).toBeUndefined();
    second.release();

    expect(readdirSync(dir)).toEqual([]);
  });
});
