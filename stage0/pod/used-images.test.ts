import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { appTreeIdPath, podManifestPath, stage1TreeIdPath } from '#stage1';
import { createPod, demandMove, type LockedPod } from './locked-pod.ts';
import { imagesInUse } from './used-images.ts';

const key = (digit: string): string => `sha512-${digit.repeat(64)}`;
const tree = (digit: string): string => `deps-${key(digit)}`;

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'used-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function fill(dir: string, digit: string): void {
  mkdirSync(join(dir, 'appsinfo', 'web'), { recursive: true });
  writeFileSync(appTreeIdPath(dir, 'web'), tree(digit));
  writeFileSync(podManifestPath(dir), JSON.stringify({ apps: [{ image: { id: key(digit) } }] }));
}

const use = (probe: ReturnType<typeof imagesInUse>): readonly string[] => {
  const { images, trees } = probe();
  return [...images, ...trees].map((each) => each.at(-1) ?? '').toSorted();
};

describe('imagesInUse()', () => {
  it('counts pods from the moment that they say what they are made of until they are garbage', () => {
    const probe = imagesInUse(dataDir);
    expect(use(probe)).toEqual([]);
    using made: LockedPod<'prepare'> = createPod(kernel, dataDir);
    expect(use(probe)).toEqual([]);
    fill(made.dir, '1');
    expect(use(probe)).toEqual(['1', '1']);

    const running = demandMove(made, 'run', { durable: false });
    expect(use(probe)).toEqual(['1', '1']);
    const ended = demandMove(running, 'exited-garbage', { durable: false });
    expect(use(probe)).toEqual(['1', '1']);
    demandMove(ended, 'garbage', { durable: false });
    expect(use(probe)).toEqual([]);
  });

  it('counts what can be read of a pod that is damaged', () => {
    using pod = demandMove(createPod(kernel, dataDir), 'run', { durable: false });
    fill(pod.dir, '2');
    symlinkSync('/dev/zero', stage1TreeIdPath(pod.dir));
    writeFileSync(podManifestPath(pod.dir), '{"apps":[');

    expect(use(imagesInUse(dataDir))).toEqual(['2']);
  });
});
