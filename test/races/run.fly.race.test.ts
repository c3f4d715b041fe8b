import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/raced';

describe.runIf(requires('root', 'overlay', 'busybox'))('gantry run, raced', () => {
  let pods: FlyPods;
  beforeAll(async () => {
    pods = createFlyPods();
    await pods.add({ name: NAME });
    await pods.run([NAME]);
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  it('and gc at the same time keep out of each other`s way', async () => {
    const runs = Array.from({ length: 8 }, (_, index) =>
      pods.run([NAME, `--name=app-${index}`, '--exec=/bin/sh', '--', '-c', 'sleep 0.1; exit 5']),
    );
    const collections = Array.from({ length: 4 }, () =>
      pods.context.gantry(['gc', '--grace-period=0s']),
    );

    expect((await Promise.all(runs)).map(({ exitCode }) => exitCode)).toEqual(runs.map(() => 5));
    expect((await Promise.all(collections)).map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
  });

  it('lets one of several run-prepared have the pod', async () => {
    const { stdout } = await pods.context.gantry([
      'prepare',
      '--quiet',
      '--insecure-options=image',
      '--stage1-name=fly',
      NAME,
      '--exec=/bin/sleep',
      '--',
      '0.3',
    ]);
    const uuid = stdout.toString().trim();
    const results = await Promise.all(
      Array.from({ length: 5 }, () =>
        pods.context.gantry(['run-prepared', '--insecure-options=image', uuid]),
      ),
    );

    expect(results.filter(({ exitCode }) => exitCode === 0)).toHaveLength(1);
    expect(results.filter(({ exitCode }) => exitCode === 254)).toHaveLength(4);
    const words = results.filter(({ exitCode }) => exitCode !== 0).map(({ stderr }) => stderr);
    for (const text of words) {
      expect(text).toMatch(/cannot run pod [0-9a-f-]{36}: it is (running|exited), not prepared/);
    }
  });
});
