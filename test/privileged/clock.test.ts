import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess } from '#base/exec/node-exec';
import { whileClockJumps, withClock } from '../helpers/fake-clock.ts';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/clock';
const DAY_MS = 86_400_000;

describe.runIf(requires('root', 'overlay', 'busybox', 'faketime'))('a clock that jumps', () => {
  let pods: FlyPods;
  beforeAll(async () => {
    pods = createFlyPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const gantry = async (clock: string, ...args: readonly string[]): Promise<string> => {
    const result = demandSuccess(await withClock(pods.context, clock, args), args.join(' '));
    expect(result.stderr).not.toContain('bug');
    return result.stdout.toString();
  };
  const prepare = async (): Promise<string> => {
    const args = ['prepare', '--quiet', '--insecure-options=image', '--stage1-name=fly', NAME];
    return (await gantry('+0', ...args)).trim();
  };
  const changeTime = (phase: string, uuid: string): number =>
    statSync(join(pods.context.dataDir, 'pods', phase, uuid)).ctimeMs;

  it('forward ages what waits, back counts anew, and neither loses a pod before its time', async () => {
    const uuid = await prepare();
    await gantry('+23h', 'gc');
    expect(await gantry('+0', 'status', uuid)).toContain('state=prepared');

    const before = changeTime('prepared', uuid);
    await gantry('-400d', 'gc');
    expect(changeTime('prepared', uuid)).toBeGreaterThan(before);
    expect(Date.now() - changeTime('prepared', uuid)).toBeLessThan(DAY_MS);
    expect(await gantry('-400d', 'list')).toMatch(/prepared +just now/);

    await gantry('+25h', 'gc');
    expect(await gantry('+0', 'list', '--no-legend')).toBe('');
  });

  it('back does not keep what is to go at once', async () => {
    demandSuccess(await pods.run([NAME]), 'run');
    await gantry('-400d', 'gc', '--mark-only');
    expect(await gantry('-400d', 'list', '--no-legend')).toContain('exited garbage');
    await gantry('-400d', 'gc', '--grace-period=0s');

    expect(await gantry('+0', 'list', '--no-legend')).toBe('');
  });

  it('does not shorten or lengthen what is waited for', async () => {
    const uuid = await prepare();
    for (const clock of ['+400d', '-400d']) {
      const started = performance.now();
      const jump = { clock, afterMs: 1000 };
      const waiting = ['status', '--wait=3s', uuid];
      const { exitCode, stderr } = await whileClockJumps(pods.context, jump, waiting);

      expect([exitCode, stderr]).toEqual([254, expect.stringContaining('cannot wait longer')]);
      expect(performance.now() - started).toBeGreaterThan(3000);
      expect(performance.now() - started).toBeLessThan(30_000);
    }
    expect(await gantry('-400d', 'rm', uuid)).toBe(`"${uuid}"\n`);
  });

  it('is no matter for a pod that runs', async () => {
    const app = ['--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];
    const pod = pods.context.start([
      'run',
      '--insecure-options=image',
      '--stage1-name=fly',
      '--pod-name=timeless',
      NAME,
      ...app,
    ]);
    await new Promise((resolve) => pod.stdout.once('data', resolve));
    expect(await gantry('-400d', 'list')).toMatch(/running/);
    await gantry('+400d', 'gc', '--grace-period=0s', '--expire-prepared=0s');
    expect(await gantry('+400d', 'status', 'timeless')).toContain('state=running');
    await gantry('-400d', 'stop', 'timeless');
    await pod.ended;
    await gantry('+400d', 'rm', 'timeless');
  });
});
