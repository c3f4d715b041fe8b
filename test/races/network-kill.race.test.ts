import { globSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetworkPods, NAME, type NetworkPods } from '../helpers/network-pods.ts';
import { until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';
import { seededRandom, testSeed } from '../helpers/seeded-random.ts';

const SLEEP = [NAME, '--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];
const NETWORKS = '--net=default,default-restricted';
const KILLS = 12;
const LANES = 3;

const seed = testSeed();
console.log(`GANTRY_TEST_SEED=${seed}`);

let net: NetworkPods;

/** Milliseconds until a pod runs, which is killed then. */
async function startAndKill(port: number): Promise<number> {
  const started = performance.now();
  const { program } = await net.pods.start([NETWORKS, `--port=${port}:80/tcp`, ...SLEEP]);
  const duration = performance.now() - started;
  program.kill('SIGKILL');
  await program.ended;

  return duration;
}

describe.runIf(
  requires('root', 'netns', 'mount-namespace', 'cni-plugins', 'nspawn', 'overlay', 'busybox'),
)('networks of a pod that is killed at any moment', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it('are left, with addresses, ports and rules, by whoever notices', {
    timeout: 240_000,
  }, async () => {
    const random = seededRandom(seed);
    // The first pod pays for what comes after it.
    await startAndKill(8100);
    const whole = await startAndKill(8101);
    let count = 0;
    const lane = async (): Promise<void> => {
      while (count < KILLS) {
        count += 1;
        const flags = [NETWORKS, `--port=${8200 + count}:80/tcp`];
        const { context } = net.pods;
        const program = context.start(['run', '--insecure-options=image', ...flags, ...SLEEP]);
        await sleep(random() * whole * LANES);
        program.kill('SIGKILL');
        await program.ended;
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));

    // A pod that had no waiter yet had nothing to give back either.
    await until(
      () => `nothing is left: ${net.traces().join('\n')}`,
      () => net.traces().length === 0,
      60_000,
    );
    expect(globSync(join(net.pods.context.dataDir, 'cni/attachments-v1/*/*'))).toEqual([]);
  });
});
