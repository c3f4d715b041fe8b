import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../../test/helpers/code-of.ts';
import type { Kernel } from '#base/kernel/kernel';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { createPod, demandMove, movePod } from './locked-pod.ts';
import { demandPodState, readPodState } from './look-at-pod.ts';
import { phaseDir } from './pod-dirs.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'pods-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

describe('createPod()', () => {
  it('makes a locked directory that only its group may look into, whatever the umask', () => {
    const old = process.umask(0o077);
    try {
      using pod = createPod(kernel, dataDir);

      expect(pod.dir).toBe(join(dataDir, 'pods', 'prepare', pod.uuid));
      expect(statSync(pod.dir).mode & 0o7777).toBe(0o750);
      expect(statSync(phaseDir(dataDir, 'run')).mode & 0o7777).toBe(0o2750);
      expect(readPodState(kernel, dataDir, pod.uuid)?.name).toBe('preparing');
    } finally {
      process.umask(old);
    }
  });

  it('leaves an aborted pod when it is let go of', () => {
    const pod = createPod(kernel, dataDir);
    pod.lock.release();

    expect(readPodState(kernel, dataDir, pod.uuid)?.name).toBe('aborted prepare');
    expect(readdirSync(phaseDir(dataDir, 'embryo'))).toEqual([]);
  });
});

describe('createPod(), raced by gc', () => {
  /** A kernel under which a directory is taken away just before it is locked. */
  function robbed(times: number): Kernel & { readonly taken: () => number } {
    let taken = 0;
    return {
      ...kernel,
      taken: () => taken,
      flock(fd, operation) {
        if (taken < times) {
          taken += 1;
          const [name = ''] = readdirSync(phaseDir(dataDir, 'embryo'));
          renameSync(
            join(phaseDir(dataDir, 'embryo'), name),
            join(phaseDir(dataDir, 'garbage'), name),
          );
        }
        return kernel.flock(fd, operation);
      },
    };
  }

  it('makes another, as a clock that was set makes any embryo old', () => {
    const thief = robbed(3);
    using pod = createPod(thief, dataDir);

    expect(thief.taken()).toBe(3);
    expect(readPodState(kernel, dataDir, pod.uuid)?.name).toBe('preparing');
    expect(readdirSync(phaseDir(dataDir, 'garbage'))).toHaveLength(3);
  });
});

describe('movePod()', () => {
  it('takes the lock along, from phase to phase', () => {
    using running = demandMove(createPod(kernel, dataDir), 'run', { durable: false });
    expect(demandPodState(kernel, dataDir, running.uuid).name).toBe('running');

    using garbage = demandMove(running, 'exited-garbage');
    expect(demandPodState(kernel, dataDir, garbage.uuid).name).toBe('exited deleting');
    expect(existsSync(running.dir)).toBe(false);
  });

  it('loses to a process that was faster', () => {
    using pod = createPod(kernel, dataDir);
    using moved = movePod(pod, 'garbage');

    expect(movePod(pod, 'run')).toBeUndefined();
    expect(codeOf(() => demandMove(pod, 'run'))).toBe('POD_MOVED');
    expect(readPodState(kernel, dataDir, moved?.uuid ?? pod.uuid)?.name).toBe('deleting');
  });
});
