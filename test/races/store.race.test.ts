import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ImageStore } from '#image-store';
import { seededRandom, testSeed } from '../helpers/seeded-random.ts';
import { type Actor, type ActorProgram, buildActor, startActor } from '../helpers/start-actor.ts';
import { openTestStore } from '../helpers/test-store.ts';

let program: ActorProgram;
beforeAll(async () => {
  program = await buildActor();
});
afterAll(() => {
  program.remove();
});

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'race-'));
  dir = join(root, 'cas');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const start = (action: string, argument: string): Actor =>
  startActor(program, { dir, action, argument });

/** What must be true of a store whatever has happened to it. */
async function expectWhole(store: ImageStore): Promise<void> {
  for (const { key, name, accepted } of store.list()) {
    await store.verifyBlobs(key);
    expect(store.manifest(key).name).toBe(name);
    expect(store.findByName(name, [])).toBeDefined();
    expect(accepted.how).toBe('signed');
  }
  expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
}

/** After a collection that keeps all images: not a file is left that belongs to none. */
async function expectNoStrays(store: ImageStore): Promise<void> {
  const all = new Set(store.list().map(({ key }) => key));
  await store.gc({ graceMs: 1e9, inUse: () => ({ images: all, trees: new Set() }) });
  const keys = store.list().map(({ key }) => key);

  const shards = ['blob/sha512', 'imageManifest/sha512', 'index/name'].flatMap((folder) =>
    readdirSync(join(dir, folder)).flatMap((name) => readdirSync(join(dir, folder, name))),
  );
  for (const name of [...shards, ...readdirSync(join(dir, 'index/used'))]) {
    expect(keys).toContain(name.replace('.accepted', ''));
  }
  expect(readdirSync(join(dir, 'imagelocks'))).toEqual([]);
  expect(existsSync(join(dir, 'backups'))).toBe(false);
}

describe('an image store that 20 processes use at once', () => {
  it('has one image when all bring the same, with gc between them', async () => {
    const fetchers = Array.from({ length: 20 }, () => start('fetch', 'same'));
    const collector = start('collect', '3000');
    const keys = await Promise.all(fetchers.map(({ said }) => said));
    await collector.said;

    expect(new Set(keys.flat()).size).toBe(1);
    const last = start('fetch', 'same');
    const [key] = await last.said;
    using store = openTestStore(dir);
    expect(store.list().map((record) => record.key)).toEqual([key]);
    await expectWhole(store);
    await expectNoStrays(store);
  });

  it('has all images when each brings another', async () => {
    const fetchers = Array.from({ length: 20 }, (_, index) => start('fetch', `image-${index}`));
    const keys = (await Promise.all(fetchers.map(({ said }) => said))).flat();

    using store = openTestStore(dir);
    expect(store.list().map(({ key }) => key)).toEqual(keys.sort());
    await expectWhole(store);
    await expectNoStrays(store);
  });

  it('does not lose an image to gc while a pod is prepared from it', async () => {
    const collector = start('collect', '4000');
    const preparers = Array.from({ length: 3 }, () => start('prepare', '15'));
    const held = (await Promise.all(preparers.map(({ said }) => said))).flat();
    const [collected] = await collector.said;

    expect(held.filter((line) => /^held [1-9]/.test(line))).toHaveLength(3);
    expect(collected).toMatch(/^collected [1-9]/);
    using store = openTestStore(dir);
    await expectWhole(store);
  });
});

describe('an image store whose users are killed', () => {
  const KILLS = 200;
  const AT_ONCE = 5;

  it(`is whole after ${KILLS} random moments`, { timeout: 300_000 }, async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    console.log(`GANTRY_TEST_SEED=${seed}`);
    // As long as this machine takes to bring an image, and as much again: some get so far.
    const first = start('fetch', 'first');
    await first.ready;
    const began = performance.now();
    await first.said;
    const longestMs = Math.min(2 * (performance.now() - began), 1000);
    // Images that the rounds left, beside the first, added up.
    let brought = 0;

    for (let killed = 0; killed < KILLS; killed += AT_ONCE) {
      const actors = Array.from({ length: AT_ONCE }, (_, index) =>
        start('churn', `churn-${index}`),
      );
      await Promise.all(
        actors.map(async ({ child, ready, said }) => {
          await ready;
          await sleep(random() * longestMs);
          child.kill('SIGKILL');
          await said;
        }),
      );

      using store = openTestStore(dir);
      await expectWhole(store);
      brought += store.list().length - 1;
    }

    using store = openTestStore(dir);
    await expectNoStrays(store);
    expect(brought).toBeGreaterThan(0);
  });
});
