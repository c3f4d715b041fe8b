import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';
import { requires } from '../helpers/requires.ts';
import { seededRandom } from '../helpers/seeded-random.ts';

let publisher: Publisher;
beforeAll(async () => {
  publisher = await startPublisher();
  const files = { data: Buffer.alloc(2_000_000, 'data') };
  for (let index = 0; index < 20; index += 1) {
    await publisher.publish({ name: `example.com/app-${index}`, files });
  }
  const trusted = ['trust', '--prefix=example.com', '--skip-fingerprint-review'];
  expect((await publisher.gantry(trusted)).exitCode).toBe(0);
});
afterAll(async () => {
  await publisher[Symbol.asyncDispose]();
});

const fetchApp = async (index: number) =>
  await publisher.gantry(['fetch', `example.com/app-${index}`]);

async function kill(name: string, afterMs: number): Promise<void> {
  const program = publisher.machine.start(['fetch', name], { env: publisher.env });
  setTimeout(() => program.kill('SIGKILL'), afterMs);
  program.stdout.resume();
  program.stdin.end();
  await program.ended;
}

async function storedImages(): Promise<readonly string[]> {
  const listed = await publisher.gantry(['image', 'list', '--no-legend', '--fields=name']);

  return listed.stdout.toString().trim().split('\n').filter(Boolean).sort();
}

/** What lies in the store's tmp/: work that is under way, or that somebody left. */
function unfinished(): readonly string[] {
  const folder = join(publisher.machine.dataDir, 'cas', 'tmp');

  return existsSync(folder) ? readdirSync(folder) : [];
}

describe.runIf(requires('root'))('gantry fetch by several processes at once', () => {
  it('of the same image: all succeed, one image is kept', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, async () => await fetchApp(0)));

    expect(results.map(({ stderr, exitCode }) => (exitCode === 0 ? '' : stderr))).toEqual(
      Array.from({ length: 20 }, () => ''),
    );
    expect(new Set(results.map(({ stdout }) => stdout.toString())).size).toBe(1);
    expect(await storedImages()).toEqual(['example.com/app-0']);
    expect(unfinished()).toEqual([]);
  });

  it('of different images: all are kept', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => await fetchApp(index)),
    );

    expect(results.every(({ exitCode }) => exitCode === 0)).toBe(true);
    expect(await storedImages()).toHaveLength(20);
    expect(unfinished()).toEqual([]);
  });

  it('killed at random moments: what is there is whole, and the next fetch clears up', async () => {
    const random = seededRandom(20);
    const names = [1, 2, 3, 4].map((index) => `example.com/app-${index}`);
    for (let killed = 0; killed < 20; killed += names.length) {
      await publisher.gantry(['image', 'rm', ...names]);
      await Promise.all(names.map((name) => kill(name, random() * 400)));

      const verified = await publisher.gantry(['image', 'verify', ...(await storedImages())]);
      expect(verified.exitCode, verified.stderr).toBe(0);
    }

    expect((await fetchApp(1)).exitCode).toBe(0);
    expect(unfinished()).toEqual([]);
  });
});
