import { once } from 'node:events';
import { cpSync, existsSync, globSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { makeImage } from '../helpers/image-maker.ts';
import { type LeakWatch, watchLeaks } from '../helpers/leaks.ts';
import { type CallOptions, createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { type Publisher, startPublisher } from '../helpers/publisher.ts';
import { requires } from '../helpers/requires.ts';
import { seededRandom, testSeed } from '../helpers/seeded-random.ts';

const UNSIGNED = '--insecure-options=image';
/** Machines of their own, used at the same time. */
const LANES = 2;
/** Programs that are started and killed at once on one machine. */
const AT_ONCE = 5;
const TIME_LIMIT = { timeout: 240_000 };
/** For a longer search: so many times as many kills. */
const FACTOR = Number(process.env['GANTRY_TEST_KILLS'] ?? 1);

const seed = testSeed();
const random = seededRandom(seed);
console.log(`GANTRY_TEST_SEED=${seed}`);

/** A machine, and what must not be left on it. */
interface Lane {
  readonly context: PodContext;
  readonly leaks: LeakWatch;
}

function openLane(): Lane {
  const context = createPodContext();

  return { context, leaks: watchLeaks(context) };
}

/** Runs rounds, as many lanes at once as there are. */
async function inLanes(
  lanes: readonly Lane[],
  rounds: number,
  work: (lane: Lane, round: number) => Promise<void>,
): Promise<void> {
  await Promise.all(
    lanes.map(async (lane, index) => {
      for (let round = index; round < rounds; round += lanes.length) await work(lane, round);
    }),
  );
}

async function closeLanes(lanes: readonly Lane[]): Promise<void> {
  for (const { context } of lanes) await context[Symbol.asyncDispose]();
}

interface Victim {
  readonly args: readonly string[];
  readonly options?: CallOptions;
  /** The moment of its death lies within so many milliseconds. */
  readonly withinMs: number;
}

/** Starts a program, kills it at a random moment and waits for its end. @returns how it ended */
async function kill({ context }: Lane, { args, options, withinMs }: Victim): Promise<ExecResult> {
  const moment = random() * withinMs;
  const program = context.start(args, options);
  program.stdin.end();
  program.stdout.resume();
  await sleep(moment);
  program.kill('SIGKILL');

  return await program.ended;
}

/** What a command printed, which must have worked and have had nothing to complain about. */
async function output(lane: Lane, args: readonly string[], options?: CallOptions): Promise<string> {
  return said(await lane.context.gantry(args, options));
}

function said({ argv, exitCode, stdout, stderr }: ExecResult): string {
  expect([exitCode, stderr], argv.slice(4).join(' ')).toEqual([
    0,
    expect.not.stringMatching(/bug|cannot/),
  ]);

  return stdout.toString();
}

/** How long the fastest took: the moments of death are spread over it. */
const shortest = (results: readonly ExecResult[]): number =>
  Math.min(...results.map(({ durationMs }) => durationMs));

function namesIn(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

describe.runIf(requires('root'))('gantry fetch, killed at any moment', () => {
  const KILLS = 100;
  const names = Array.from({ length: AT_ONCE }, (_, index) => `example.com/app-${index}`);
  const lanes = Array.from({ length: LANES }, openLane);
  let publisher: Publisher;
  let options: CallOptions;
  beforeAll(async () => {
    publisher = await startPublisher();
    for (const name of names) await publisher.publish({ name, files: filesOf(name) });
    said(await publisher.gantry(['trust', '--prefix=example.com', '--skip-fingerprint-review']));
    for (const { context } of lanes) {
      cpSync(publisher.machine.localConfig, context.localConfig, { recursive: true });
    }
    options = { env: publisher.env };
  });
  afterAll(async () => {
    await closeLanes(lanes);
    await publisher[Symbol.asyncDispose]();
  });

  /** So much that each phase takes a while: bytes to fetch, entries to render. */
  function filesOf(name: string): Readonly<Record<string, Buffer>> {
    const files = Array.from(
      { length: 100 },
      (_, index) => [`f${index}`, Buffer.alloc(100, name)] as const,
    );

    return { ...Object.fromEntries(files), data: Buffer.alloc(3_000_000, name) };
  }

  const fetchAll = async ({ context }: Lane): Promise<readonly ExecResult[]> =>
    await Promise.all(names.map(async (name) => await context.gantry(['fetch', name], options)));

  /** The next command sees whole images only, and clears up. */
  async function expectWhole(lane: Lane): Promise<void> {
    const listed = await output(lane, ['image', 'list', '--no-legend', '--fields=name']);
    const found = listed
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
    for (const name of found) expect(names).toContain(name);

    expect(await lane.leaks.settled()).toEqual([]);
    if (found.length > 0) await output(lane, ['image', 'verify', ...found]);
    await output(lane, ['gc']);
    expect(namesIn(join(lane.context.dataDir, 'cas', 'tmp'))).toEqual([]);
  }

  it('leaves a store that is whole, and the next fetch works', TIME_LIMIT, async () => {
    const withinMs = shortest(await fetchAll(lanes[0] as Lane));
    removeData(lanes[0] as Lane);

    await inLanes(lanes, (FACTOR * KILLS) / AT_ONCE, async (lane, round) => {
      await Promise.all(
        names.map((name) => kill(lane, { args: ['fetch', name], options, withinMs })),
      );
      await expectWhole(lane);
      await output(lane, ['fetch', names[round % names.length] ?? ''], options);
      await output(lane, ['image', 'gc', '--grace-period=0s']);
      expect(namesIn(join(lane.context.dataDir, 'cas', 'imagelocks'))).toEqual([]);
      // Half of the rounds begin where there is no store yet.
      if (round % 4 < 2) removeData(lane);
    });
  });
});

describe.runIf(requires('root', 'overlay', 'busybox', 'nspawn'))(
  'gantry run, killed at any moment',
  () => {
    const NAME = 'example.com/victim';
    const FLY = ['--stage1-name=fly'];
    const NSPAWN = ['--stage1-name=nspawn'];
    const COPIES = '--no-overlay';
    const lanes = Array.from({ length: LANES }, openLane);
    let image: string;
    beforeAll(async () => {
      image = await makeImage((lanes[0] as Lane).context.workDir, { name: NAME });
      for (const lane of lanes) await output(lane, [UNSIGNED, 'fetch', image]);
    });
    afterAll(async () => {
      await closeLanes(lanes);
    });

    const argsOf = (
      flags: readonly string[],
      script = 'sleep 0.1; echo works',
    ): readonly string[] => {
      const app = ['--exec=/bin/sh', '--', '-c', script];
      return ['run', UNSIGNED, ...flags, NAME, ...app];
    };
    const run = async ({ context }: Lane, flags: readonly string[]): Promise<ExecResult> =>
      await context.gantry(argsOf(flags));
    const several = async <Result>(work: () => Promise<Result>): Promise<readonly Result[]> =>
      await Promise.all(Array.from({ length: AT_ONCE }, work));

    async function expectNothingLeft(lane: Lane): Promise<void> {
      const { context, leaks } = lane;
      leaks.note();
      await output(lane, ['list']);
      await output(lane, ['gc', '--grace-period=0s']);
      expect(await leaks.settled()).toEqual([]);
      expect(await output(lane, ['list', '--no-legend'])).toBe('');
      // An embryo is left alone until it is certain that nobody is at it.
      for (const phase of ['prepare', 'prepared', 'run', 'exited-garbage', 'garbage']) {
        expect(namesIn(join(context.dataDir, 'pods', phase)), phase).toEqual([]);
      }
      expect(namesIn(join(context.dataDir, 'cas', 'tmp'))).toEqual([]);
    }

    async function killRuns(
      lane: Lane,
      flags: readonly string[],
      withinMs: number,
    ): Promise<number> {
      const ended = await several(() => kill(lane, { args: argsOf(flags), withinMs }));
      await expectNothingLeft(lane);
      expect(said(await run(lane, flags))).toContain('works');

      return ended.filter(({ signal }) => signal === 'SIGKILL').length;
    }

    it('is seen with all that it holds while it runs', async () => {
      const [{ context, leaks }] = lanes as [Lane];
      const program = context.start(argsOf(NSPAWN, 'echo begun; sleep 1'));
      program.stdin.end();
      await once(program.stdout, 'data');
      leaks.note();

      expect(leaks.left().filter((line) => line.includes('/gantry-'))).not.toEqual([]);
      expect(leaks.left().filter((line) => line.startsWith('process'))).not.toEqual([]);
      await program.ended;
    });

    it.each([
      { flags: FLY, kills: 40 },
      { flags: [...FLY, COPIES], kills: 20 },
      { flags: NSPAWN, kills: 40 },
      { flags: [...NSPAWN, COPIES], kills: 10 },
    ])('leaves nothing, and the next run works: $flags', TIME_LIMIT, async ({ flags, kills }) => {
      for (const lane of lanes) said(await run(lane, flags));
      const [first] = lanes as [Lane];
      const withinMs = shortest(await several(() => run(first, flags)));

      let killed = 0;
      await inLanes(lanes, (FACTOR * kills) / AT_ONCE, async (lane) => {
        killed += await killRuns(lane, flags, withinMs);
      });
      expect(killed).toBeGreaterThan((FACTOR * kills) / 3);
    });

    it('takes along what copies its trees', TIME_LIMIT, async () => {
      const [lane] = lanes as [Lane];
      const { workDir, dataDir, ...context } = lane.context;
      const files = 4000;
      const prepare = (rootfs: string): void => {
        for (let index = 0; index < files; index += 1) writeFileSync(join(rootfs, `f${index}`), '');
      };
      const big = await makeImage(workDir, { name: 'example.com/big', prepare });
      await output(lane, [UNSIGNED, 'fetch', big]);

      const program = context.start(['run', UNSIGNED, ...FLY, COPIES, 'example.com/big']);
      program.stdin.end();
      const copied = join(dataDir, 'pods/prepare/*/stage1/rootfs/opt/stage2/big/rootfs/f*');
      while (globSync(copied).length === 0) await sleep(5);
      program.kill('SIGKILL');
      await program.ended;

      expect(await lane.leaks.settled(200)).toEqual([]);
      expect(globSync(copied).length).toBeLessThan(files);
      await expectNothingLeft(lane);
    });

    it('leaves nothing when it is the first run on a machine', TIME_LIMIT, async () => {
      const anew = async (lane: Lane): Promise<void> => {
        removeData(lane);
        await output(lane, [UNSIGNED, 'fetch', image]);
      };
      const [first] = lanes as [Lane];
      await anew(first);
      const { durationMs: withinMs } = await run(first, NSPAWN);
      await expectNothingLeft(first);

      await inLanes(lanes, FACTOR * 4, async (lane) => {
        await anew(lane);
        await killRuns(lane, NSPAWN, withinMs);
      });
    });

    /** Starts pods that end only when they are told to. */
    async function startPods(
      { context }: Lane,
      flags: readonly string[],
    ): Promise<readonly { readonly name: string; readonly ended: Promise<ExecResult> }[]> {
      return await several(async () => {
        const name = `pod-${Math.floor(random() * 1e9)}`;
        const args = argsOf([...flags, `--pod-name=${name}`], 'echo begun; exec sleep 300');
        const program = context.start(args);
        await once(program.stdout, 'data');
        program.stdout.resume();
        return { name, ended: program.ended };
      });
    }

    it.each([
      { flags: FLY, kills: 20 },
      { flags: NSPAWN, kills: 20 },
    ])(
      'ends when stop is killed and called again: $flags',
      TIME_LIMIT,
      async ({ flags, kills }) => {
        const [first] = lanes as [Lane];
        const trial = await startPods(first, flags);
        const stops = trial.map(async ({ name }) => await first.context.gantry(['stop', name]));
        const withinMs = shortest(await Promise.all(stops));

        await inLanes(lanes, (FACTOR * kills) / AT_ONCE, async (lane) => {
          const pods = await startPods(lane, flags);
          lane.leaks.note();
          await Promise.all(pods.map(({ name }) => kill(lane, { args: ['stop', name], withinMs })));
          const names = pods.map(({ name }) => name);
          const listed = await output(lane, ['list', '--no-legend']);
          for (const name of names) expect(listed).toMatch(new RegExp(` ${name}$`, 'm'));
          await output(lane, ['stop', ...names]);
          await Promise.all(pods.map(({ ended }) => ended));
          await expectNothingLeft(lane);
        });
      },
    );

    it.each([
      { flags: FLY, kills: 20 },
      { flags: NSPAWN, kills: 20 },
    ])(
      'is gone when rm is killed and called again: $flags',
      TIME_LIMIT,
      async ({ flags, kills }) => {
        const ranPods = async (lane: Lane): Promise<readonly string[]> =>
          await several(async () => {
            const name = `pod-${Math.floor(random() * 1e9)}`;
            said(await run(lane, [...flags, `--pod-name=${name}`]));
            return name;
          });
        const [first] = lanes as [Lane];
        const removals = (await ranPods(first)).map((name) => first.context.gantry(['rm', name]));
        const withinMs = shortest(await Promise.all(removals));

        await inLanes(lanes, (FACTOR * kills) / AT_ONCE, async (lane) => {
          const names = await ranPods(lane);
          lane.leaks.note();
          await Promise.all(names.map((name) => kill(lane, { args: ['rm', name], withinMs })));
          for (const { exitCode, stderr } of await Promise.all(
            names.map((name) => lane.context.gantry(['rm', name])),
          )) {
            expect([exitCode, stderr]).toEqual(
              exitCode === 0
                ? [0, expect.not.stringMatching(/cannot|bug/)]
                : [254, expect.stringMatching(/cannot find pod/)],
            );
          }
          expect(await output(lane, ['list', '--no-legend'])).toBe('');
          await expectNothingLeft(lane);
        });
      },
    );

    it('is collected by the next gc when one is killed too', TIME_LIMIT, async () => {
      await inLanes(lanes, FACTOR * 4, async (lane, round) => {
        await several(() => run(lane, round % 4 < 2 ? FLY : NSPAWN));
        await several(() => kill(lane, { args: ['gc', '--grace-period=0s'], withinMs: 300 }));
        await expectNothingLeft(lane);
      });
    });
  },
);

/** Takes a lane's data away, though the waiter of a pod that has just ended may still write there. */
function removeData({ context }: Lane): void {
  rmSync(context.dataDir, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
}
