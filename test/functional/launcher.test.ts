import { copyFileSync, mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { RANDOM_SEEDS } from '../../stage0/boot/node-flags.ts';
import { GANTRY } from '../helpers/pod-context.ts';

describe('the launcher', () => {
  it('starts Node with one of the seeds, and not always with the same', () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'launcher-'));
    const launcher = join(folder.path, 'gantry');
    copyFileSync(GANTRY, launcher);
    mkdirSync(join(folder.path, 'bin'));
    writeFileSync(join(folder.path, 'bin', 'node'), '#!/bin/sh\nprintf "%s\\n" "$@"\n', {
      mode: 0o755,
    });
    const start = (): readonly string[] =>
      demandSuccess(nodeExec.runSync({ argv: [launcher, 'a b', ''], env: {} }), 'start it')
        .stdout.toString()
        .split('\n');

    const starts = Array.from({ length: 20 }, start);
    const seeds = starts.map(([flag = '']) => Number(flag.replace('--random-seed=', '')));
    expect(starts[0]?.slice(-4)).toEqual([join(folder.path, 'lib', 'boot.js'), 'a b', '', '']);
    expect(RANDOM_SEEDS).toEqual(expect.arrayContaining(seeds));
    expect(new Set(seeds).size).toBeGreaterThan(3);
  });
});
