import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { lockPath } from '#base/lock/directory-lock';
import { releaseLockPath } from '#stage1';
import { createPod, demandMove, type LockedPod } from './locked-pod.ts';
import { lookAtPod } from './look-at-pod.ts';
import { podDirIn } from './pod-dirs.ts';
import { takePod, tryLockPod } from './take-pod.ts';

const taker = { kernel, exec: nodeExec, env: { PATH: '/usr/bin:/bin' } };

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'pods-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

/** A pod that has run; nobody holds it. */
function exited(): LockedPod<'run'> {
  const pod = demandMove(createPod(kernel, dataDir), 'run', { durable: false });
  pod.lock.release();

  return pod;
}

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

describe('takePod()', () => {
  it('waits for who only looks at the pod, and for who releases it', async () => {
    const { uuid, dir } = exited();
    const look = lockPath(kernel, dir, 'shared');
    writeFileSync(releaseLockPath(dir), '');
    const release = lockPath(kernel, releaseLockPath(dir), 'exclusive');
    const taking = takePod(taker, { dataDir, uuid, phase: 'run' });
    setTimeout(() => release.release(), 100);
    setTimeout(() => look.release(), 150);
    const taken = await taking;

    expect(taken.kind).toBe('taken');
    if (taken.kind === 'taken') taken.pod.lock.release();
  });

  it('loses a pod that moves on or goes while it is waited for', async () => {
    const pod = demandMove(exited(), 'exited-garbage');
    const lock = lockPath(kernel, pod.dir, 'exclusive');
    const taking = takePod(taker, { ...pod, phase: 'exited-garbage' });
    setTimeout(() => {
      rmSync(pod.dir, { recursive: true });
      lock.release();
    }, 50);

    expect(await taking).toEqual({ kind: 'lost', state: undefined });
    const moved = demandMove(createPod(kernel, dataDir), 'run', { durable: false });
    const { uuid } = moved;
    expect(await takePod(taker, { dataDir, uuid, phase: 'prepare' })).toMatchObject({
      kind: 'lost',
      state: { name: 'running' },
    });
    moved.lock.release();
  });

  it('does not wait for a pod that lives', async () => {
    const pod = demandMove(createPod(kernel, dataDir), 'run', { durable: false });
    const { uuid } = pod;

    expect(await takePod(taker, { dataDir, uuid, phase: 'run' })).toMatchObject({
      kind: 'held',
      state: { name: 'running' },
    });
    pod.lock.release();
  });
});

describe('lookAtPod()', () => {
  it('sees what is no directory, and does not follow it', async () => {
    const { uuid } = exited();
    const path = podDirIn(dataDir, 'run', uuid);
    const see = (): unknown => lookAtPod(kernel, { dataDir, uuid });
    const makers: readonly (() => void)[] = [
      () => writeFileSync(path, ''),
      () => void nodeExec.runSync({ argv: ['mkfifo', path], env: taker.env }),
      () => void nodeExec.runSync({ argv: ['ln', '-s', '/etc', path], env: taker.env }),
      () => void nodeExec.runSync({ argv: ['ln', '-s', 'nowhere', path], env: taker.env }),
    ];
    for (const make of makers) {
      rmSync(path, { recursive: true });
      make();
      expect(see()).toMatchObject({ name: 'exited', isDirectory: false });
    }
    rmSync(path);
    mkdirSync(path);
    expect(see()).toMatchObject({ name: 'exited', isDirectory: true });
    closeSync(openSync(path, 'r'));
  });
});
