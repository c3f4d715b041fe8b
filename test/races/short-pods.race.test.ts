import { globSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LeakWatch, watchLeaks } from '../helpers/leaks.ts';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/short';
/** Pods are started one after another, in so many rows at once. */
const ROWS = 4;
const FLAVORS = { fly: { pods: 240, flags: [] }, nspawn: { pods: 60, flags: ['--net=none'] } };

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('300 short pods', () => {
  let pods: NspawnPods;
  let leaks: LeakWatch;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
    for (const [flavor, { flags }] of Object.entries(FLAVORS)) {
      await pods.run([`--stage1-name=${flavor}`, ...flags, NAME]);
    }
    leaks = watchLeaks(pods.context);
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const namesIn = (...path: readonly string[]): readonly string[] =>
    readdirSync(join(pods.context.dataDir, ...path));

  it('one after another leave nothing, without a gc', { timeout: 400_000 }, async () => {
    const queue = Object.entries(FLAVORS).flatMap(([flavor, { pods: count, flags }]) =>
      Array.from({ length: count }, (_, index) => {
        const code = index % 3 === 0 ? 3 : 0;
        const app = [NAME, '--exec=/bin/sh', '--', '-c', `exit ${code}`];
        return { args: [`--stage1-name=${flavor}`, ...flags, ...app], code };
      }),
    );
    const total = queue.length;
    const row = async (): Promise<void> => {
      for (let pod = queue.pop(); pod !== undefined; pod = queue.pop()) {
        const { exitCode, stderr } = await pods.run(pod.args);
        expect([exitCode, stderr]).toEqual([pod.code, expect.not.stringMatching(/cannot|bug/)]);
      }
    };
    await Promise.all(Array.from({ length: ROWS }, row));
    leaks.note();

    expect(total).toBe(300);
    expect(await leaks.settled(60_000)).toEqual([]);
    expect(namesIn('pods', 'run').length).toBe(total + 2);
    for (const phase of ['embryo', 'prepare', 'prepared', 'exited-garbage', 'garbage']) {
      expect(namesIn('pods', phase), phase).toEqual([]);
    }
    for (const folder of ['tmp', 'imagelocks', 'treestorelocks']) {
      expect(namesIn('cas', folder), folder).toEqual([]);
    }
    expect(globSync(join(pods.context.dataDir, 'pods/run/*/.*'))).toEqual([]);
    const held = namesIn('pods', 'run').filter(
      (uuid) =>
        namesIn('pods', 'run', uuid).includes('ppid') &&
        !namesIn('pods', 'run', uuid).includes('released'),
    );
    expect(held).toEqual([]);
  });
});
