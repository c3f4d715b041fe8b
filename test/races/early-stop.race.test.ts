import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningProgram } from '#base/exec/exec';
import { createNspawnPods, type NspawnPods, until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/early';
/** Milliseconds from the moment that the pod can be named to the one that it is stopped, below what a start takes. */
const MOMENTS = Array.from({ length: 14 }, (_, index) => index * 8);
/** A pod that was not asked is killed after that. */
const LIMIT = '--timeout=15s';

interface Start {
  readonly program: RunningProgram;
  readonly dir: string;
  readonly uuid: string;
}

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('a pod that is starting', () => {
  let pods: NspawnPods;
  let starts = 0;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
    await pods.run([NAME]);
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  /** Starts a pod that would run on, and comes back as soon as it has a name. */
  async function start(): Promise<Start> {
    const file = join(pods.context.workDir, `uuid-${starts++}`);
    const flags = ['--insecure-options=image', `--uuid-file-save=${file}`];
    const app = [NAME, '--exec=/bin/sh', '--', '-c', 'exec sleep 60'];
    const program = pods.context.start(['run', ...flags, ...app]);
    while (!existsSync(file) || readFileSync(file, 'utf8') === '') await sleep(1);
    const uuid = readFileSync(file, 'utf8').trim();

    return { program, uuid, dir: join(pods.context.dataDir, 'pods', 'run', uuid) };
  }

  it('is stopped in order at any moment', { timeout: 60_000 }, async () => {
    for (const moment of MOMENTS) {
      const { program, uuid } = await start();
      await sleep(moment);
      const { exitCode, stderr } = await pods.context.gantry(['stop', LIMIT, uuid]);

      expect([moment, exitCode, stderr]).toEqual([moment, 0, '']);
      expect((await program.ended).signal, `stopped after ${moment} ms`).not.toBe('SIGKILL');
    }
  });

  it('is asked when its PID 1 listens', { timeout: 30_000 }, async () => {
    const { program, uuid, dir } = await start();
    const pid = await heldPid(dir);
    const stopped = pods.context.gantry(['stop', LIMIT, uuid]);
    await sleep(500);
    process.kill(pid, 'SIGCONT');

    expect((await stopped).exitCode).toBe(0);
    expect((await program.ended).exitCode).toBe(0);
  });

  it('is killed when it never listens, and the time is over', { timeout: 30_000 }, async () => {
    const { program, uuid, dir } = await start();
    await heldPid(dir);
    const { exitCode } = await pods.context.gantry(['stop', '--timeout=1s', uuid]);

    expect(exitCode).toBe(0);
    expect((await program.ended).signal).toBe('SIGKILL');
  });
});

/** Stops a pod's PID 1 before it has made ready for signals. @returns its number */
async function heldPid(dir: string): Promise<number> {
  const file = join(dir, 'ppid');
  await until('the pod has its nspawn', () => existsSync(file) && readFileSync(file).length > 0);
  const nspawn = readFileSync(file, 'utf8').trim();
  for (;;) {
    const [pid] = factsOf(`/proc/${nspawn}/task/${nspawn}/children`).split(' ');
    const status = factsOf(`/proc/${pid}/status`);
    if (/^Name:\tsystemd$/m.test(status) && /^NSpid:.*\t1$/m.test(status)) {
      process.kill(Number(pid), 'SIGSTOP');
      expect(factsOf(`/proc/${pid}/status`)).toMatch(/^SigBlk:\t0+$/m);
      return Number(pid);
    }
    await sleep(0);
  }
}

/** A process may go while it is looked at. */
function factsOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}
