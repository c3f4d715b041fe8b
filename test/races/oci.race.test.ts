import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tarOf } from '../helpers/hostile-tar.ts';
import { makeLayout } from '../helpers/oci-layout.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';
import { seededRandom, testSeed } from '../helpers/seeded-random.ts';

const ROUNDS = 15;
/** As long as a fetch takes, about. */
const SPAN_MS = 700;

let context: PodContext;
const images: string[] = [];
beforeAll(() => {
  context = createPodContext();
  const layout = makeLayout(join(context.workDir, 'layout'));
  const layer = (name: string): Buffer =>
    tarOf({ path: name, body: Buffer.alloc(1_000_000, name) }, { path: `.wh.no-${name}` });
  layout.index({
    one: layout.image({ layers: [layer('base'), layer('middle'), layer('one')] }).descriptor,
    two: layout.image({ layers: [layer('base'), layer('middle'), layer('two')] }).descriptor,
  });
  images.push(`oci:${layout.dir}:one`, `oci:${layout.dir}:two`);
});
afterAll(async () => {
  await context[Symbol.asyncDispose]();
});

const gantry = async (...args: readonly string[]) =>
  await context.gantry(['--insecure-options=image', ...args]);

describe.runIf(requires('root', 'overlay'))('OCI images that share layers', () => {
  it('are whole, whoever is killed that fetches, removes or collects them', async () => {
    const seed = testSeed();
    console.log(`GANTRY_TEST_SEED=${seed}`);
    const random = seededRandom(seed);
    const others = [
      ['image', 'gc', '--grace-period=0s'],
      ...images.map((image) => ['image', 'rm', image]),
    ];
    for (let round = 0; round < ROUNDS; round += 1) {
      const other = others[Math.floor(random() * others.length)] ?? [];
      const running = [...images.map((image) => ['fetch', image]), other].map((args) =>
        context.start(['--insecure-options=image', ...args]),
      );
      for (const program of running) program.stdout.resume();
      await setTimeout(random() * SPAN_MS);
      for (const program of running) if (random() < 0.6) program.kill('SIGKILL');
      await Promise.all(running.map(async (program) => await program.ended));
    }

    for (const image of images) {
      expect(await gantry('fetch', image)).toMatchObject({ exitCode: 0 });
    }
    for (const image of images) {
      const verified = await gantry('image', 'verify', image);
      expect(verified.stdout.toString()).toMatch(/^successfully verified image/);
    }
    const cas = join(context.dataDir, 'cas');
    expect(readdirSync(join(cas, 'tmp'))).toEqual([]);

    await gantry('image', 'gc', '--grace-period=0s');
    const left = ['blob', 'tree', 'imagelocks', 'treestorelocks'].flatMap((folder) =>
      readdirSync(join(cas, folder), { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      ),
    );
    expect(left.map(({ name }) => name)).toEqual([]);
  });
});
