import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';
import { seededRandom, testSeed } from '../helpers/seeded-random.ts';

const NAME = 'example.com/entered';
const ROUNDS = 4;
/** Of these several are started at random moments around the end of a pod. */
const AT_ONCE = 4;
const LIFE_MS = 400;

const seed = testSeed();
const random = seededRandom(seed);
console.log(`GANTRY_TEST_SEED=${seed}`);

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('a pod that is entered', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  async function enter(uuid: string): Promise<ExecResult> {
    await sleep(random() * LIFE_MS * 1.5);
    return await pods.context.gantry(['enter', uuid, '/bin/sh', '-c', 'echo inside; exit 7']);
  }

  it.each(['fly', 'nspawn'])(
    'while it exits under %s: in, or out with a reason',
    // A pod that is held up, and what is no reason, are seen seldom enough.
    { retry: 0 },
    async (flavor) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const script = `echo ready; exec sleep ${LIFE_MS / 1000}`;
        const app = [`--stage1-name=${flavor}`, NAME, '--exec=/bin/sh', '--', '-c', script];
        const { uuid, program } = await pods.start(app);
        const entered = await Promise.all(Array.from({ length: AT_ONCE }, () => enter(uuid)));
        await program.ended;

        for (const { exitCode, signal, stdout, stderr, durationMs } of entered) {
          const what = `${exitCode ?? signal}: ${stdout.toString()}${stderr}`;
          expect(stderr, what).not.toContain('bug');
          expect(durationMs, what).toBeLessThan(60_000);
          if (exitCode === 254) expect(stderr, what).toMatch(/gantry enter: cannot /);
          // What was in when the pod ended went with it.
          else if (exitCode === 7) expect(stdout.toString(), what).toBe('inside\n');
          else expect([137, 143, 255, 'SIGKILL', 'SIGTERM'], what).toContain(exitCode ?? signal);
        }
        expect((await pods.context.gantry(['enter', uuid])).stderr).toContain(
          `cannot enter pod ${uuid}: it is exited, not running`,
        );
      }
    },
  );
});
