import {
  closeSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LOCK, RLIMIT } from './kernel.ts';
import { requires } from '../../test/helpers/requires.ts';
import { linuxKernel as kernel } from './linux-kernel.ts';
import { kernelErrno } from './native.ts';
import { createRecordingKernel } from './recording-kernel.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kernel-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('linuxKernel', () => {
  it('reports the errno by name and the call in words', () => {
    const failing = (): void => kernel.mount({ source: 'a', target: '/no/such', fstype: 'tmpfs' });

    expect(failing).toThrow('cannot mount tmpfs "a" on "/no/such": ENOENT');
    try {
      failing();
    } catch (error) {
      expect(kernelErrno(error)).toBe('ENOENT');
    }
  });

  it('starts a program away from this one, and tells how it ended', () => {
    const out = join(dir, 'out');
    const script =
      'pwd; readlink /proc/self/fd/0; echo "$A"; grep -E "^Sig(Blk|Ign)" /proc/self/status';
    const start = (text: string): number =>
      kernel.spawn({ path: '/bin/sh', argv: ['sh', '-c', text], env: { A: 'b', PATH: '/bin' } });

    expect(kernel.reap(start(`(${script}) >${out}; exit 3`))).toBe(3);
    expect(readFileSync(out, 'utf8').replaceAll('\t', ' ')).toBe(
      '/\n/dev/null\nb\nSigBlk: 0000000000000000\nSigIgn: 0000000000000000\n',
    );
    expect(kernel.reap(start('kill -KILL $$'))).toBe(137);
    expect(() => kernel.spawn({ path: '/no/such', argv: ['x'], env: {} })).toThrow(
      'cannot start "/no/such": ENOENT',
    );
  });

  it.runIf(requires('root'))('gives a program a mark of a directory, and the mark only', () => {
    const out = join(dir, 'marked');
    const mark = kernel.markDirectory(dir);
    const script = `ls /proc/self/fd >${out}; cat /proc/self/fdinfo/9 >>${out}`;
    const argv = ['sh', '-c', script];
    const env = { PATH: '/bin' };
    const given = [{ fd: mark, as: 9 }];
    expect(kernel.reap(kernel.spawn({ path: '/bin/sh', argv, env, given }))).toBe(0);
    const text = readFileSync(out, 'utf8');
    expect(text.split('\n').filter((line) => /^\d+$/.test(line))).toEqual(
      expect.arrayContaining(['0', '1', '2', '9']),
    );
    expect(text).not.toMatch(new RegExp(`^${mark}$`, 'm'));
    expect(text).toMatch(/^fanotify ino:/m);
    closeSync(mark);
    expect(() => kernel.markDirectory(join(dir, 'none'))).toThrow('ENOENT');
    expect(() => kernel.markDirectory(out)).toThrow('ENOTDIR');
  });

  it('locks a directory against a second holder', () => {
    const first = openSync(dir, 'r');
    const second = openSync(dir, 'r');

    expect(kernel.flock(first, LOCK.EX | LOCK.NB)).toBe(true);
    expect(kernel.flock(second, LOCK.SH | LOCK.NB)).toBe(false);
    closeSync(first);
    expect(kernel.flock(second, LOCK.SH | LOCK.NB)).toBe(true);
    closeSync(second);
  });

  it('keeps extended attributes and times to the nanosecond', () => {
    const file = join(dir, 'f');
    writeFileSync(file, '');
    kernel.setXattr(file, 'user.a', Buffer.from('value'));
    kernel.setTimes(file, { atimeNs: 1_000_000_001n, mtimeNs: -1n });

    expect(kernel.getXattr(file, 'user.a')?.toString()).toBe('value');
    expect(kernel.getXattr(file, 'user.b')).toBeUndefined();
    expect(kernel.listXattrs(file)).toEqual(['user.a']);
    expect(statSync(file, { bigint: true })).toMatchObject({
      atimeNs: 1_000_000_001n,
      mtimeNs: -1n,
    });
  });

  it('looks at entries without following links', () => {
    writeFileSync(join(dir, 'file'), 'abc');
    symlinkSync('file', join(dir, 'link'));
    const fd = openSync(dir, 'r');
    const record = Buffer.alloc(256);

    expect(kernel.statEntry(fd, 'link', record)).toBe(true);
    expect(record.readBigUInt64LE(32)).toBe(lstatSync(join(dir, 'link'), { bigint: true }).ino);
    expect(kernel.statEntry(fd, '.', record)).toBe(true);
    expect(record.readBigUInt64LE(32)).toBe(statSync(dir, { bigint: true }).ino);
    expect(kernel.statEntry(fd, 'file/x', record)).toBe(false);
    closeSync(fd);
  });

  it('makes a pipe that carries what is written', () => {
    const { read, write } = kernel.makePipe();
    writeSync(write, 'through');
    closeSync(write);

    expect(readFileSync(read, 'utf8')).toBe('through');
    closeSync(read);
  });

  it('has an open file written at its end', () => {
    const path = join(dir, 'appended');
    const fd = openSync(path, 'w');
    kernel.setAppend(fd);
    writeFileSync(path, 'by another', { flag: 'a' });
    writeSync(fd, ', then here');
    closeSync(fd);

    expect(readFileSync(path, 'utf8')).toBe('by another, then here');
  });

  it('makes a FIFO', () => {
    kernel.makeNode(join(dir, 'p'), 0o010_644);

    expect(statSync(join(dir, 'p')).isFIFO()).toBe(true);
  });

  it('reads resource limits', () => {
    const limit = kernel.getRlimit(RLIMIT.NOFILE);

    expect(limit.soft).toBeGreaterThan(0n);
    expect(limit.hard).toBeGreaterThanOrEqual(limit.soft);
  });

  it('execve of nothing is an error, not the end', () => {
    expect(() => kernel.execve('/no/such', ['x'], {})).toThrow('cannot execute "/no/such": ENOENT');
  });
});

describe('createRecordingKernel()', () => {
  it('records and fails on demand', () => {
    const recording = createRecordingKernel();
    recording.failNext('mount', constants.errno.EBUSY);

    expect(() => recording.mount({ source: 'a', target: 'b' })).toThrow(/EBUSY/);
    recording.chroot('/x');
    expect(recording.calls.map(({ call }) => call)).toEqual(['mount', 'chroot']);
  });
});
