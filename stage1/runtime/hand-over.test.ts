import { describe, expect, it } from 'vitest';
import { RLIMIT } from '#base/kernel/kernel';
import { createRecordingKernel } from '#base/kernel/recording-kernel';
import { handOver, socketActivation } from './hand-over.ts';

const SIGHUP = 1;
const SIGPIPE = 13;
const caller = { softNofile: 512n, ignoredSignals: [SIGHUP], blockedSignals: [2], umask: 0o027 };

describe('handOver()', () => {
  it('restores what the caller had, keeps what is to be kept, and executes last', () => {
    const kernel = createRecordingKernel();
    handOver(kernel, caller, { path: '/bin/a', argv: ['a', 'b'], env: { A: '1' }, keep: [7] });

    const argsOf = (call: string): unknown[] =>
      kernel.calls.filter((each) => each.call === call).map(({ args }) => args);
    expect(argsOf('closeOnExecFrom')).toEqual([[3]]);
    expect(argsOf('setCloseOnExec')).toEqual([
      [0, false],
      [1, false],
      [2, false],
      [7, false],
    ]);
    expect(argsOf('setRlimit')).toEqual([[RLIMIT.NOFILE, { soft: 512n, hard: 1_048_576n }]]);
    expect(argsOf('umask')).toEqual([[0o027]]);
    expect(argsOf('setSignalDisposition')).toContainEqual([SIGHUP, 'ignore']);
    expect(argsOf('setSignalDisposition')).toContainEqual([SIGPIPE, 'default']);
    expect(argsOf('setBlockedSignals')).toEqual([[[2]]]);
    expect(kernel.calls.at(-1)).toEqual({
      call: 'execve',
      args: ['/bin/a', ['a', 'b'], { A: '1' }],
    });
  });

  it('leaves a limit alone that is unknown, or would be raised', () => {
    const kernel = createRecordingKernel();
    const program = { path: '/a', argv: ['a'], env: {}, keep: [] };
    handOver(kernel, { ...caller, softNofile: undefined }, program);
    handOver(kernel, { ...caller, softNofile: 4096n }, program);

    expect(kernel.calls.some(({ call }) => call === 'setRlimit')).toBe(false);
  });
});

describe('socketActivation()', () => {
  it('finds the descriptors that are meant for this process', () => {
    const env = { LISTEN_FDS: '1', LISTEN_PID: '42', LISTEN_FDNAMES: 'web', A: 'b' };

    expect(socketActivation(env, 42).env).toEqual({
      LISTEN_FDS: '1',
      LISTEN_PID: '42',
      LISTEN_FDNAMES: 'web',
    });
    expect(socketActivation(env, 43)).toEqual({ fds: [], env: {} });
  });

  it('rejects counts that are none', () => {
    for (const count of ['0', '-1', 'many', '1e9']) {
      expect(socketActivation({ LISTEN_FDS: count, LISTEN_PID: '1' }, 1).fds).toEqual([]);
    }
  });
});
