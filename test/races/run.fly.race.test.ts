import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { mountsBelow } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';
import { seededRandom } from '../helpers/seeded-random.ts';

const NAME = 'example.com/raced';
const KILLS = 60;
/** A run takes about this long, in milliseconds. */
const RUN_MS = 120;

describe.runIf(requires('root', 'overlay', 'busybox'))('gantry run, killed and raced', () => {
  let pods: FlyPods;
  beforeAll(async () => {
    pods = createFlyPods();
    await pods.add({ name: NAME });
    await pods.run([NAME]);
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const left = (): readonly string[] => {
    const folder = join(pods.context.dataDir, 'pods');
    return readdirSync(folder).flatMap((phase) => readdirSync(join(folder, phase)));
  };
  const collect = async (): Promise<void> => {
    const { exitCode } = await pods.context.gantry(['gc', '--grace-period=0s']);
    expect(exitCode).toBe(0);
  };

  it('leaves nothing that gc does not understand, whenever it is killed', async () => {
    const random = seededRandom(20);
    for (let done = 0; done < KILLS; done += 4) {
      const started = Array.from({ length: 4 }, () => {
        const [, ...args] = pods.argv(NAME, '--exec=/bin/sleep', '--', '1');
        const program = pods.context.start(args.slice(3));
        return sleep(random() * RUN_MS)
          .then(() => program.kill('SIGKILL'))
          .then(() => program.ended);
      });
      await Promise.all(started);
    }

    expect((await pods.run([NAME, '--exec=echo', '--', 'works'])).stdout.toString()).toBe(
      'works\n',
    );
    expect((await pods.context.gantry(['list'])).exitCode).toBe(0);
    await collect();
    expect(mountsBelow(pods.context.dataDir)).toEqual([]);
    // A pod that was being made is left alone until it is certain that nobody is at it.
    expect(left().length).toBeLessThan(KILLS / 10);
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
    for (const text of words) expect(text).toMatch(/cannot (run|move|find) pod/);
  });
});
