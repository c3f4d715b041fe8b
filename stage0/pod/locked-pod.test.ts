import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import {
  demandPodState,
  findPodInFile,
  findPodUuid,
  listPodUuids,
  readPodState,
  tryLockPod,
} from './find-pod.ts';
import { createPod, movePod } from './locked-pod.ts';
import { phaseDir } from './pod-dirs.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'pods-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (isGantryError(error)) return error.code;
    throw error;
  }
  return undefined;
}

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

describe('movePod()', () => {
  it('takes the lock along, from phase to phase', () => {
    using running = movePod(createPod(kernel, dataDir), 'run', { durable: false });
    expect(demandPodState(kernel, dataDir, running.uuid).name).toBe('running');

    using garbage = movePod(running, 'exited-garbage');
    expect(demandPodState(kernel, dataDir, garbage.uuid).name).toBe('exited deleting');
    expect(existsSync(running.dir)).toBe(false);
  });

  it('says so when another process was faster', () => {
    using pod = createPod(kernel, dataDir);
    using moved = movePod(pod, 'garbage');

    expect(codeOf(() => movePod(pod, 'run'))).toBe('POD_MOVED');
    expect(readPodState(kernel, dataDir, moved.uuid)?.name).toBe('deleting');
  });
});

describe('tryLockPod()', () => {
  it('gets a pod only where it is, and only when nobody holds it', () => {
    const pod = createPod(kernel, dataDir);
    const { uuid } = pod;
    expect(tryLockPod(kernel, { dataDir, uuid, phase: 'prepare' })).toBeUndefined();

    pod.lock.release();
    expect(tryLockPod(kernel, { dataDir, uuid, phase: 'run' })).toBeUndefined();
    using locked = tryLockPod(kernel, { dataDir, uuid, phase: 'prepare' });
    expect(locked?.dir).toBe(pod.dir);
  });
});

describe('findPodUuid()', () => {
  it('takes an unambiguous beginning, in either case, or a file that holds one', () => {
    using pod = createPod(kernel, dataDir);

    expect(findPodUuid(dataDir, pod.uuid.slice(0, 8).toUpperCase())).toBe(pod.uuid);
    expect(codeOf(() => findPodUuid(dataDir, 'zzz'))).toBe('POD_NOT_FOUND');
    expect(codeOf(() => findPodUuid(dataDir, '../..'))).toBe('POD_NOT_FOUND');
    expect(codeOf(() => findPodInFile(dataDir, '/no/such'))).toBe('UUID_FILE_UNREADABLE');
  });

  it('names the pods that an ambiguous beginning may mean', () => {
    const pods = Array.from({ length: 20 }, () => createPod(kernel, dataDir));
    const firsts = pods.map(({ uuid }) => uuid.slice(0, 1));
    const twice = firsts.find((first, index) => firsts.indexOf(first) !== index) ?? '';
    for (const pod of pods) pod.lock.release();

    expect(codeOf(() => findPodUuid(dataDir, twice))).toBe('POD_AMBIGUOUS');
    expect(listPodUuids(dataDir)).toEqual(pods.map(({ uuid }) => uuid).sort());
  });

  it('does not find what is garbage', () => {
    using pod = movePod(createPod(kernel, dataDir), 'garbage');

    expect(codeOf(() => findPodUuid(dataDir, pod.uuid))).toBe('POD_NOT_FOUND');
  });
});
