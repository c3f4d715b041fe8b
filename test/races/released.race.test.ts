import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/short';
const ROUNDS = 8;

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))(
  'a pod that has just ended',
  () => {
    let pods: NspawnPods;
    beforeAll(async () => {
      pods = createNspawnPods();
      await pods.add({ name: NAME });
    });
    afterAll(async () => {
      await pods[Symbol.asyncDispose]();
    });

    it('is seen as exited, and can be marked and removed, though it is just being released', async () => {
      const { context } = pods;
      for (let round = 0; round < ROUNDS; round += 1) {
        const name = `round-${round}`;
        expect((await pods.run([`--pod-name=${name}`, NAME])).exitCode).toBe(0);
        for (let look = 0; look < 2; look += 1) {
          expect((await context.gantry(['status', name])).stdout.toString()).toMatch(
            /^state=exited\n/,
          );
        }
        if (round % 2 === 0) await context.gantry(['gc', '--mark-only']);
        const removed = await context.gantry(['rm', name]);
        expect(removed).toMatchObject({ exitCode: 0, stderr: '' });
      }
      expect((await context.gantry(['list', '--format=json'])).stdout.toString()).toBe('null\n');
    });
  },
);
