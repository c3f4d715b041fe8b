import { describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import type { WorkerFailure } from './extraction-protocol.ts';
import { readAnswer } from './worker-answer.ts';

const ended = (stdout: string): ExecResult => ({
  argv: ['worker'],
  exitCode: 0,
  signal: undefined,
  stdout: Buffer.from(stdout),
  stderr: 'last words\n',
  durationMs: 1,
  timedOut: false,
  forced: false,
  overflowed: false,
});
const failed = (failure: WorkerFailure): (() => unknown) => {
  return () => readAnswer(ended(JSON.stringify({ failed: failure })), 'extract');
};

describe('readAnswer()', () => {
  it('gives what was done', () => {
    expect(readAnswer(ended('{"done":{"entries":3}}\n'), 'extract')).toEqual({ entries: 3 });
  });

  it.each([
    ['EXTRACT_NO_SPACE', { errno: 'ENOSPC', message: 'write failed' }, /no space left/],
    [
      'EXTRACT_NO_SPACE',
      { code: 'EXTRACT_FAILED', errno: 'EDQUOT', message: 'x' },
      /no space left/,
    ],
    [
      'EXTRACT_NEEDS_ROOT',
      {
        code: 'KERNEL_CALL_FAILED',
        errno: 'EPERM',
        message: 'cannot change the root to "/a": EPERM',
      },
      /takes root/,
    ],
    ['ARCHIVE_CORRUPT', { code: 'ARCHIVE_CORRUPT', message: 'cannot read' }, /^cannot read$/],
    [
      'EXTRACT_FAILED',
      { code: 'KERNEL_CALL_FAILED', errno: 'EIO', message: 'cannot x' },
      /cannot extract: cannot x/,
    ],
    ['EXTRACT_FAILED', { message: 'boom' }, /cannot extract: boom/],
  ])('throws %s for %o', (code, failure, message) => {
    expect(failed(failure)).toThrow(message);
    expect(failed(failure)).toThrow(expect.objectContaining({ code }));
  });

  it('says how the worker ended when it left no answer', () => {
    expect(() => readAnswer(ended(''), 'extract')).toThrow(
      'cannot extract: "worker" exited with 0: last words',
    );
  });

  it('says what became of one that was killed before it could say anything', () => {
    const killed = { ...ended(''), exitCode: undefined, signal: 'SIGKILL', stderr: '' } as const;

    expect(() => readAnswer(killed, 'extract')).toThrow(
      expect.objectContaining({
        message: 'cannot extract: "worker" was ended by SIGKILL',
        hint: 'see "dmesg" for why, and try again',
      }),
    );
  });
});
