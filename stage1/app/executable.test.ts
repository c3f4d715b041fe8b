import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { executableExitCode, findExecutable } from './executable.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'exec-'));
  for (const name of ['bin', 'opt/tools', 'usr/bin'])
    mkdirSync(join(root, name), { recursive: true });
  for (const name of ['bin/a', 'opt/tools/a', 'usr/bin/b']) {
    writeFileSync(join(root, name), '', { mode: 0o755 });
  }
  writeFileSync(join(root, 'bin', 'data'), '');
  chmodSync(join(root, 'bin', 'data'), 0o644);
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function find(program: string, place: { workingDir?: string; path?: string } = {}): string {
  return findExecutable(root, { program, workingDir: '/', path: undefined, ...place });
}

function exitCodeOf(action: () => unknown): number | undefined {
  try {
    action();
  } catch (error) {
    return executableExitCode(error);
  }
  return 0;
}

describe('findExecutable()', () => {
  it('takes a path with a slash as it is, relative to the working directory', () => {
    expect(find('/bin/a')).toBe('/bin/a');
    expect(find('tools/a', { workingDir: '/opt' })).toBe('/opt/tools/a');
  });

  it('looks in PATH, in order', () => {
    expect(find('a', { path: '/opt/tools:/bin' })).toBe('/opt/tools/a');
    expect(find('b', { path: '/bin:/usr/bin' })).toBe('/usr/bin/b');
  });

  it('looks in the working directory, /bin and /usr/bin where there is no PATH', () => {
    expect(find('a', { workingDir: '/opt/tools' })).toBe('/opt/tools/a');
    expect(find('b')).toBe('/usr/bin/b');
  });

  it('follows links inside the root only', () => {
    symlinkSync('/usr/bin/b', join(root, 'bin', 'inside'));
    symlinkSync('../../../../../../../bin/sh', join(root, 'bin', 'outside'));

    expect(find('/bin/inside')).toBe('/bin/inside');
    expect(exitCodeOf(() => find('/bin/outside'))).toBe(127);
  });

  it('names what nothing can be called, which no unit could name either', () => {
    const program = `/${'x'.repeat(300)}`;
    expect(() => find(program)).toThrow(`cannot execute "${program}": the name is too long`);
    expect(exitCodeOf(() => find(program))).toBeUndefined();
  });

  it('rejects what is not there with 127, what cannot be executed with 126', () => {
    expect(exitCodeOf(() => find('/bin/none'))).toBe(127);
    expect(exitCodeOf(() => find('none', { path: '/bin' }))).toBe(127);
    expect(exitCodeOf(() => find('/bin/data'))).toBe(126);
    expect(exitCodeOf(() => find('/bin'))).toBe(126);
    expect(() => find('none', { path: '/bin' })).toThrow('cannot execute "none": no such file');
  });
});
