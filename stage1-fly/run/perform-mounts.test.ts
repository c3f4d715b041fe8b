import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MS } from '#base/kernel/kernel';
import { createRecordingKernel } from '#base/kernel/recording-kernel';
import { performMounts } from './perform-mounts.ts';

let dir: string;
let root: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'perform-'));
  root = join(dir, 'root');
  mkdirSync(root);
  mkdirSync(join(dir, 'source'));
  writeFileSync(join(dir, 'file'), '');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const bind = { kind: 'bind', recursive: false, readOnly: false } as const;

describe('performMounts()', () => {
  it('binds as slaves, read-only with all that lies below', () => {
    const kernel = createRecordingKernel();
    const source = join(dir, 'source');
    performMounts({ kernel, root, callerMounts: undefined }, [
      { ...bind, source, target: '/a', recursive: true, readOnly: true },
    ]);

    expect(kernel.calls).toEqual([
      {
        call: 'mount',
        args: [{ source, target: join(root, 'a'), flags: MS.BIND | MS.REC }],
      },
      {
        call: 'setMountAttributes',
        args: [join(root, 'a'), { propagation: MS.SLAVE, recursive: true, readOnly: true }],
      },
    ]);
    expect(existsSync(join(root, 'a'))).toBe(true);
  });

  it('makes a file to mount a file on', () => {
    const kernel = createRecordingKernel();
    performMounts({ kernel, root, callerMounts: undefined }, [
      { ...bind, source: join(dir, 'file'), target: '/etc/one' },
    ]);

    expect(existsSync(join(root, 'etc/one'))).toBe(true);
  });

  it('makes the root a mount before it seals it', () => {
    const kernel = createRecordingKernel();
    performMounts({ kernel, root, callerMounts: undefined }, [{ kind: 'root' }, { kind: 'seal' }]);

    expect(kernel.calls.map(({ call, args }) => [call, args.at(-1)])).toEqual([
      ['mount', { source: root, target: root, flags: MS.BIND | MS.REC }],
      ['setMountAttributes', { readOnly: true }],
    ]);
  });

  it('stops at the first step that fails', () => {
    const kernel = createRecordingKernel();
    kernel.failNext('mount', constants.errno.EPERM);
    const steps = [{ kind: 'tmpfs', target: '/tmp', data: '' }, { kind: 'seal' }] as const;

    expect(() => performMounts({ kernel, root, callerMounts: undefined }, steps)).toThrow('EPERM');
    expect(kernel.calls).toHaveLength(1);
  });

  it('rejects a source that is not there, and a shared mount without the namespace of the host', () => {
    const kernel = createRecordingKernel();
    const perform = (step: Parameters<typeof performMounts>[1][number]): void =>
      performMounts({ kernel, root, callerMounts: undefined }, [step]);

    expect(() => perform({ ...bind, source: join(dir, 'none'), target: '/a' })).toThrow(
      `cannot mount "${join(dir, 'none')}": no such file or directory`,
    );
    expect(() =>
      perform({ ...bind, kind: 'shared-bind', source: join(dir, 'source'), target: '/a' }),
    ).toThrow('stage 0 did not say where that is');
  });
});
