import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GantryError } from '#base/errors/gantry-error';
import { formatError } from './present-error.ts';
import { closest } from './suggest.ts';

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

const inner = new Error('ENOSPC: no space left');
const middle = new GantryError('B', 'cannot write "b": disk full', { cause: inner });
const outer = new GantryError('A', 'cannot fetch "a": not kept', { cause: middle });

describe('formatError()', () => {
  it('shows causes as an indented tree and the hint below', () => {
    expect(formatError(outer, { name: 'fetch', debug: false, hint: 'make room' })).toBe(
      [
        'gantry fetch: cannot fetch "a": not kept',
        '  └─ cannot write "b": disk full',
        '    └─ ENOSPC: no space left',
        'hint: make room',
        '',
      ].join('\n'),
    );
  });

  it('shows codes and stacks of the whole chain for --debug', () => {
    const text = formatError(outer, { name: 'fetch', debug: true, hint: undefined });

    expect(text).toContain('[A] GantryError: cannot fetch');
    expect(text).toContain('[B] GantryError: cannot write');
    expect(text).toContain('Error: ENOSPC');
  });

  it('says in words what the machine has against it, and calls that no bug', () => {
    const error = Object.assign(new Error('EROFS: read-only file system, open "/a"'), {
      code: 'EROFS',
    });

    expect(formatError(error, { name: 'gc', debug: false, hint: undefined })).toBe(
      [
        'gantry gc: cannot go on: the file system is read-only',
        '  └─ EROFS: read-only file system, open "/a"',
        '',
      ].join('\n'),
    );
  });

  it('names what it is that the machine has something against', () => {
    const error = thrownBy(() => readFileSync('/proc/self/exe/x'));
    const text = formatError(error, { name: 'trust', debug: false, hint: undefined });

    expect(text).toMatch(
      /^gantry trust: cannot go on with "\/proc\/self\/exe\/x": a part of the path is not a directory\n {2}└─ ENOTDIR/,
    );
  });

  it('shows the stack of what is not an error of ours', () => {
    const text = formatError(new TypeError('x'), { name: '', debug: false, hint: undefined });

    expect(text).toMatch(/^gantry: x\n/);
    expect(text).toContain('present-error.test.ts');
    expect(text).toContain('bug');
  });
});

describe('closest()', () => {
  it('finds the flag or command that was meant', async () => {
    expect(await closest('--volme', ['--volume', '--name'])).toBe('--volume');
    expect(await closest('image lst', ['image list', 'image rm'])).toBe('image list');
    expect(await closest('xyzzy', ['fetch', 'run'])).toBeUndefined();
  });
});
