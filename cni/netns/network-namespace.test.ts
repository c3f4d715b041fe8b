import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CLONE } from '#base/kernel/kernel';
import { createRecordingKernel, type RecordingKernel } from '#base/kernel/recording-kernel';
import { isNetns } from './is-netns.ts';
import { inNetns, makeNetns, removeNetns } from './network-namespace.ts';

const { EINVAL, EPERM } = constants.errno;
const HERE = '/proc/self/ns/net';

let dir: string;
let path: string;
let kernel: RecordingKernel;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'netns-'));
  path = join(dir, 'netns', 'pod');
  kernel = createRecordingKernel();
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const calls = (): readonly string[] => kernel.calls.map(({ call }) => call);

describe('makeNetns()', () => {
  it('comes back before it pins', () => {
    makeNetns(kernel, { path });

    expect(calls().slice(0, 3)).toEqual(['unshare', 'setNamespace', 'mount']);
    expect(kernel.calls[0]?.args).toEqual([CLONE.NEWNET]);
  });

  it('leaves nothing when the namespace cannot be made', () => {
    kernel.failNext('unshare', EPERM);

    expect(() => makeNetns(kernel, { path })).toThrow('EPERM');
    expect(readdirSync(dir)).toEqual([]);
  });

  it('leaves no file when the pin fails', () => {
    kernel.failNext('mount', EPERM);

    expect(() => makeNetns(kernel, { path })).toThrow('EPERM');
    expect(existsSync(path)).toBe(false);
  });

  it('refuses to pin over a namespace', () => {
    expect(() => makeNetns(kernel, { path: HERE })).toThrow(
      `cannot pin a network namespace on "${HERE}": there is one already`,
    );
    expect(calls()).toEqual(['unshare', 'setNamespace']);
  });
});

describe('removeNetns()', () => {
  it('takes away every pin and the file', () => {
    makeNetns(kernel, { path });
    kernel.failNext('unmount', EINVAL);
    removeNetns(kernel, { path });

    expect(existsSync(path)).toBe(false);
  });

  it('is done when everything is gone', () => {
    kernel.failNext('unmount', EINVAL, 2);

    expect(() => removeNetns(kernel, { path })).not.toThrow();
    expect(calls()).toEqual(['unmount', 'unmount']);
  });

  it('keeps the file while it cannot unmount', () => {
    makeNetns(kernel, { path });
    kernel.failNext('unmount', EPERM);

    expect(() => removeNetns(kernel, { path })).toThrow('EPERM');
    expect(existsSync(path)).toBe(true);
  });
});

describe('inNetns()', () => {
  it('comes back with the result, and after a failure', () => {
    expect(inNetns(kernel, HERE, () => 7)).toBe(7);
    expect(() =>
      inNetns(kernel, HERE, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(calls()).toEqual(['setNamespace', 'setNamespace', 'setNamespace', 'setNamespace']);
  });

  it('refuses what is no namespace', () => {
    writeFileSync(join(dir, 'file'), '');

    expect(() => inNetns(kernel, join(dir, 'file'), () => 7)).toThrow('there is none');
    expect(calls()).toEqual([]);
  });
});

describe('isNetns()', () => {
  it('tells a namespace from a file, a folder and nothing', () => {
    expect([HERE, dir, '', '/no/such', '/etc/passwd'].map(isNetns)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
