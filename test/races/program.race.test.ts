import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { POD_PHASES } from '../../stage0/pod/pod-dirs.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { type LeakWatch, watchLeaks } from '../helpers/leaks.ts';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';
import { requires } from '../helpers/requires.ts';

// Everything at once on one machine: fetches, runs, and what collects pods and
// images between them. Twenty fetches by themselves are in fetch.race.test.ts.

const UNSIGNED = '--insecure-options=image';
const FETCHES = 20;
const RUNS = 20;
const TIME_LIMIT = { timeout: 120_000 };
const GC = ['gc', '--grace-period=0s'];
const IMAGE_GC = ['image', 'gc', '--grace-period=0s'];

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn'))('many gantry at once', () => {
  const RUN_NAME = 'example.com/local';
  let publisher: Publisher;
  let leaks: LeakWatch;
  let image: string;
  beforeAll(async () => {
    publisher = await startPublisher();
    const { machine } = publisher;
    leaks = watchLeaks(machine);
    image = await makeImage(machine.workDir, { name: RUN_NAME });
    const files = { data: Buffer.alloc(1_000_000, 'data') };
    for (let index = 0; index < FETCHES; index += 1) {
      await publisher.publish({ name: nameOf(index), files });
    }
    const trust = ['trust', '--prefix=example.com', '--skip-fingerprint-review'];
    demandSuccess(await gantry(...trust), 'trust');
  });
  afterAll(async () => {
    await publisher[Symbol.asyncDispose]();
  });

  const nameOf = (index: number): string => `example.com/app-${index}`;
  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await publisher.gantry(args);
  const namesIn = (...path: readonly string[]): readonly string[] => {
    const folder = join(publisher.machine.dataDir, ...path);
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  /** Does something again and again while something else goes on. @returns every result */
  async function during(
    pending: Promise<unknown>,
    ...commands: readonly (readonly string[])[]
  ): Promise<readonly ExecResult[]> {
    const state = { over: false };
    void pending.finally(() => (state.over = true));
    const results: ExecResult[] = [];
    while (!state.over) {
      for (const args of commands) results.push(await gantry(...args));
      await sleep(20);
    }

    return results;
  }

  function expectAllWell(results: readonly ExecResult[]): void {
    for (const { argv, exitCode, stderr } of results) {
      expect([exitCode, stderr], argv.slice(4).join(' ')).toEqual([
        0,
        expect.not.stringContaining('bug'),
      ]);
    }
  }

  /** Every image is what its key says, nothing half-made is to be seen, and what collects leaves nothing. */
  async function expectWhole(): Promise<void> {
    const listed = demandSuccess(
      await gantry('image', 'list', '--no-legend', '--fields=name'),
      'image list',
    );
    const names = listed.stdout
      .toString()
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
    if (names.length > 0) expectAllWell([await gantry('image', 'verify', ...names)]);

    leaks.note();
    expectAllWell([await gantry(...GC)]);
    expect(await leaks.settled()).toEqual([]);
    for (const phase of POD_PHASES) expect(namesIn('pods', phase), phase).toEqual([]);
    expectAllWell([await gantry(...IMAGE_GC)]);
    for (const folder of ['tmp', 'tree', 'imagelocks', 'treestorelocks', 'index/records']) {
      expect(namesIn('cas', folder), folder).toEqual([]);
    }
  }

  it('bring one image while others collect it', TIME_LIMIT, async () => {
    const fetches = Promise.all(Array.from({ length: FETCHES }, () => gantry('fetch', nameOf(0))));
    const collected = await during(fetches, IMAGE_GC, GC, ['image', 'list']);
    const fetched = await fetches;

    expectAllWell([...fetched, ...collected]);
    expect(new Set(fetched.map(({ stdout }) => stdout.toString())).size).toBe(1);
    expectAllWell([await gantry('fetch', nameOf(0))]);
    await expectWhole();
  });

  it('bring an image each while others collect and list them', TIME_LIMIT, async () => {
    const fetches = Promise.all(
      Array.from({ length: FETCHES }, (_, index) => gantry('fetch', nameOf(index))),
    );
    const collected = await during(fetches, ['image', 'gc'], GC, ['image', 'list'], IMAGE_GC);

    expectAllWell([...(await fetches), ...collected]);
    await expectWhole();
  });

  it.each(['fly', 'nspawn'])('run under %s while others collect', TIME_LIMIT, async (flavor) => {
    const run = async (index: number): Promise<ExecResult> => {
      const app = ['--exec=/bin/sh', '--', '-c', `sleep 0.2; exit ${index + 10}`];
      return await gantry('run', UNSIGNED, `--stage1-name=${flavor}`, image, ...app);
    };
    const runs = Promise.all(Array.from({ length: RUNS }, (_, index) => run(index)));
    const fetches = Promise.all(
      Array.from({ length: 5 }, (_, index) => gantry('fetch', nameOf(index))),
    );
    const collected = await during(Promise.all([runs, fetches]), IMAGE_GC, GC, ['list']);

    const ran = await runs;
    expect(ran.map(({ exitCode, stderr }) => (exitCode === 254 ? stderr : exitCode))).toEqual(
      ran.map((_, index) => index + 10),
    );
    expectAllWell([...(await fetches), ...collected]);
    await expectWhole();
  });

  it('remove a pod each of them sees, once', TIME_LIMIT, async () => {
    demandSuccess(await gantry('fetch', UNSIGNED, image), 'fetch');
    for (const flavor of ['fly', 'nspawn']) {
      const file = join(publisher.machine.workDir, 'uuid');
      const run = [
        'run',
        UNSIGNED,
        `--stage1-name=${flavor}`,
        `--uuid-file-save=${file}`,
        RUN_NAME,
      ];
      demandSuccess(await gantry(...run), 'run');
      const uuid = readFileSync(file, 'utf8').trim();

      const removals = await Promise.all(Array.from({ length: 5 }, () => gantry('rm', uuid)));
      expect(removals.filter(({ exitCode }) => exitCode === 0).length).toBeGreaterThanOrEqual(1);
      for (const { exitCode, stderr } of removals.filter((each) => each.exitCode !== 0)) {
        expect([exitCode, stderr]).toEqual([
          254,
          expect.stringMatching(/cannot (find|remove|move|lock) pod/),
        ]);
      }
    }
    await expectWhole();
  });
});
