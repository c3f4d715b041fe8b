import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { createPod, movePod } from './locked-pod.ts';
import { readMovingPod } from './read-moving-pod.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gantry-moving-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('readMovingPod()', () => {
  it('reads again what was read, or could not be, in a folder that the pod left', () => {
    using pod = createPod(linuxKernel, dataDir);
    const seen: string[] = [];
    const last = readMovingPod(linuxKernel, pod, ({ name, phase }) => {
      seen.push(name);
      if (phase === 'prepare') movePod(pod, 'run', { durable: false });
      if (seen.length === 1) throw new Error('it has no manifest');
      return name;
    });

    expect(seen).toEqual(['preparing', 'running']);
    expect(last).toBe('running');
  });

  it('lets the error through when the pod is where it was', () => {
    using pod = createPod(linuxKernel, dataDir);
    const read = (): never => {
      throw new Error('broken');
    };

    expect(() => readMovingPod(linuxKernel, pod, read)).toThrow('broken');
  });

  it('returns nothing for a pod that is gone, or goes meanwhile', () => {
    using pod = createPod(linuxKernel, dataDir);
    const read = (): string => {
      rmSync(pod.dir, { recursive: true });
      return 'something';
    };

    expect(readMovingPod(linuxKernel, pod, read)).toBeUndefined();
  });
});
