import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { parseAcName } from '#schema/types/names';
import { claimPodName, demandFreeName, dropPodName, dropStaleNames } from './claim-pod-name.ts';
import { findPodUuid } from './find-pod.ts';
import { createPod, demandMove } from './locked-pod.ts';
import { podNamesDir } from './pod-dirs.ts';
import { readPodName } from '#stage1';
import { findPodByName } from './pod-names.ts';

const WEB = parseAcName('web');

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gantry-names-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

function codeOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return isGantryError(error) ? error.code : error;
  }
  return 'nothing';
}

describe('dropStaleNames()', () => {
  it('forgets the names of pods that are no more, and of no other', () => {
    using pod = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, pod, WEB);
    const gone = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, gone, parseAcName('gone'));
    gone.lock.release();
    rmSync(gone.dir, { recursive: true });
    dropStaleNames(linuxKernel, dataDir);

    expect(readdirSync(podNamesDir(dataDir))).toEqual(['web']);
  });
});

describe('claimPodName()', () => {
  it('makes a pod known by its name', () => {
    using pod = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, pod, WEB);

    expect(readPodName(pod.dir)).toBe('web');
    expect(findPodUuid(dataDir, 'web')).toBe(pod.uuid);
    expect(findPodUuid(dataDir, ' web\n')).toBe(pod.uuid);
  });

  it('refuses a name that another pod has, whatever phase that is in', () => {
    using holder = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, holder, WEB);
    using other = createPod(linuxKernel, dataDir);
    expect(codeOf(() => claimPodName(linuxKernel, other, WEB))).toBe('POD_NAME_TAKEN');

    const running = demandMove(holder, 'run', { durable: false });
    expect(codeOf(() => demandFreeName(linuxKernel, dataDir, WEB))).toBe('POD_NAME_TAKEN');
    running.lock.release();
    expect(codeOf(() => demandFreeName(linuxKernel, dataDir, WEB))).toBe('POD_NAME_TAKEN');
  });

  it('takes over the name of a pod that is garbage, was never finished, or is gone', () => {
    const ended = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, ended, WEB);
    const garbage = demandMove(demandMove(ended, 'run'), 'exited-garbage');
    const second = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, second, WEB);
    expect(findPodUuid(dataDir, 'web')).toBe(second.uuid);
    dropPodName(linuxKernel, garbage);
    expect(findPodByName(dataDir, WEB)).toBe(second.uuid);
    garbage.lock.release();

    second.lock.release();
    using third = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, third, WEB);
    rmSync(third.dir, { recursive: true });
    expect(codeOf(() => findPodUuid(dataDir, 'web'))).toBe('POD_NOT_FOUND');
    using fourth = createPod(linuxKernel, dataDir);
    claimPodName(linuxKernel, fourth, WEB);
    expect(findPodUuid(dataDir, 'web')).toBe(fourth.uuid);
  });
});

describe('dropPodName()', () => {
  it('takes the link away, and is nothing for a pod without a name', () => {
    using pod = createPod(linuxKernel, dataDir);
    dropPodName(linuxKernel, pod);
    claimPodName(linuxKernel, pod, WEB);
    dropPodName(linuxKernel, pod);

    expect(findPodByName(dataDir, WEB)).toBeUndefined();
  });
});

describe('findPodUuid()', () => {
  it('takes a name that is the beginning of a UUID too for the name', () => {
    using one = createPod(linuxKernel, dataDir);
    using other = createPod(linuxKernel, dataDir);
    const name = parseAcName(one.uuid.slice(0, 8));
    claimPodName(linuxKernel, other, name);

    expect(findPodUuid(dataDir, name)).toBe(other.uuid);
    expect(findPodUuid(dataDir, one.uuid)).toBe(one.uuid);
  });

  it.each(['../../etc/passwd', 'names/x', '.', '', 'a'.repeat(300), 'WEB', 'zz'])(
    'does not find %j',
    (text) => {
      createPod(linuxKernel, dataDir).lock.release();
      expect(codeOf(() => findPodUuid(dataDir, text))).toBe('POD_NOT_FOUND');
    },
  );

  it('is not led astray by a link that leads anywhere else', () => {
    createPod(linuxKernel, dataDir).lock.release();
    mkdirSync(podNamesDir(dataDir), { recursive: true });
    symlinkSync('../../../etc', join(podNamesDir(dataDir), 'web'));

    expect(codeOf(() => findPodUuid(dataDir, 'web'))).toBe('POD_NOT_FOUND');
  });
});
