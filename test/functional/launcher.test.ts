import {
  copyFileSync,
  type DisposableTempDir,
  mkdirSync,
  mkdtempDisposableSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { RANDOM_SEEDS } from '../../stage0/boot/node-flags.ts';
import { GANTRY } from '../helpers/pod-context.ts';

/** A program of the launcher and of a Node that prints its arguments, a line each. */
function dummy(folder: string): string {
  const launcher = join(folder, 'gantry');
  mkdirSync(join(folder, 'bin'), { recursive: true });
  copyFileSync(GANTRY, launcher);
  writeFileSync(join(folder, 'bin', 'node'), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
  return launcher;
}

describe('the launcher', () => {
  let folder: DisposableTempDir;
  beforeEach(() => {
    folder = mkdtempDisposableSync(join(tmpdir(), 'launcher-'));
  });
  afterEach(() => folder.remove());

  const linesOf = (
    argv: readonly [string, ...string[]],
    options: { readonly env?: Record<string, string>; readonly cwd?: string } = {},
  ): readonly string[] =>
    demandSuccess(nodeExec.runSync({ argv, env: {}, ...options }), 'start it')
      .stdout.toString()
      .split('\n');

  it('starts Node with one of the seeds, and not always with the same', () => {
    const launcher = dummy(folder.path);
    const start = (): readonly string[] => linesOf([launcher, 'a b', '']);

    const starts = Array.from({ length: 20 }, start);
    const seeds = starts.map(([flag = '']) => Number(flag.replace('--random-seed=', '')));
    expect(starts[0]?.slice(-4)).toEqual([join(folder.path, 'lib', 'boot.js'), 'a b', '', '']);
    expect(RANDOM_SEEDS).toEqual(expect.arrayContaining(seeds));
    expect(new Set(seeds).size).toBeGreaterThan(3);
  });

  it.each([
    ['a link', 'link'],
    ['a link that ends in a line break', 'link\n'],
  ])('starts through %s, without a PATH', (_, name) => {
    const first = join(folder.path, name);
    symlinkSync(dummy(join(folder.path, 'dist')), first);
    const second = join(folder.path, 'again');
    symlinkSync(name, second);

    for (const path of [first, second]) {
      expect(linesOf([path, 'help'], { env: { PATH: '' } })).toContain('help');
    }
  });

  it('starts from a folder whose name looks like a flag', () => {
    dummy(join(folder.path, '-x'));
    const argv = ['/bin/sh', '-c', 'gantry help'] as const;

    expect(linesOf(argv, { env: { PATH: '-x:/usr/bin:/bin' }, cwd: folder.path })).toContain(
      'help',
    );
  });
});
