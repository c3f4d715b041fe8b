import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RunningProgram } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../test/helpers/image-maker.ts';
import type { BenchContext } from './context.ts';
import { compare, ENVIRONMENT, median, time, type TimedCommand } from './measure.ts';
import { type Podman, preparePodman } from './podman.ts';
import { ms, type Row } from './row.ts';
import { rootfsTar } from './start.ts';
import { type BenchStore, prepareStore } from './store.ts';

const NAME = 'gantry.example/bench/life';
const FLY = '--stage1-name=fly';
/** Pods on the disk, and how many of them run. */
const PODS = 1000;
const RUNNING = 100;
const RUNS = 15;
/** Its start can be seen, and it ends at once when it is told to. */
const LASTING = ['--exec=/bin/sh', '--', '-c', 'echo begun; exec sleep 3600'];
const PODMAN_LASTING = ['/bin/sleep', '3600'];

/** What many pods cost: those that are there, those that start at once, those that go. */
export async function* measureLifecycle(context: BenchContext): AsyncGenerator<Row> {
  const image = await makeImage(context.work, { name: NAME });
  const full = await storeWith(context, image, 'full');
  const empty = await storeWith(context, image, 'empty');
  using podman = await preparePodman(
    join(context.work, 'podman'),
    await rootfsTar(image, context.work),
  );
  const bareNode: TimedCommand = { argv: [context.node, '-e', '0'] };
  const exited = await keepExitedPod(full, context.work);

  yield* stopping(full);
  fill(runDir(full), exited, PODS - RUNNING);
  yield* atOnce(full, podman);
  yield* looking(full, bareNode);
  await stopAll(full);
  yield* nextRun(full, empty);
  yield* removing(full, exited);
}

async function storeWith(
  context: BenchContext,
  image: string,
  folder: string,
): Promise<BenchStore> {
  const work = join(context.work, folder);
  mkdirSync(work);
  const store = await prepareStore({ ...context, work });
  const own = join(work, 'image.aci');
  cpSync(image, own);
  await store.key.signDetached(own, `${own}.asc`);
  await store.run('fetch', own);
  await store.run('run', FLY, NAME);
  await store.run('gc', '--grace-period=0s');

  return store;
}

const runDir = ({ dataDir }: BenchStore): string => join(dataDir, 'pods', 'run');

/** A pod that has run, put aside to be copied. @returns its directory */
async function keepExitedPod(store: BenchStore, work: string): Promise<string> {
  await store.run('run', FLY, NAME);
  const [uuid] = readdirSync(runDir(store));
  if (uuid === undefined) throw new Error('the pod is not there');
  const kept = join(work, 'exited');
  renameSync(join(runDir(store), uuid), kept);

  return kept;
}

function fill(folder: string, exited: string, count: number): readonly string[] {
  const uuids = Array.from({ length: count }, () => randomUUID());
  for (const uuid of uuids) cpSync(exited, join(folder, uuid), { recursive: true });

  return uuids;
}

async function* looking(store: BenchStore, bareNode: TimedCommand): AsyncGenerator<Row> {
  const [uuid = ''] = readdirSync(runDir(store));
  for (const args of [['list'], ['status', uuid]]) {
    const { ours, theirs, ratio } = await compare(store.command(...args), bareNode, RUNS);
    yield {
      what: `${args[0]}, ${PODS} pods of which ${RUNNING} run : node -e 0`,
      ours: ms(ours),
      theirs: ms(theirs),
      value: ratio,
      unit: '×',
      must: 3,
      reach: 2,
    };
  }
}

async function* nextRun(full: BenchStore, empty: BenchStore): AsyncGenerator<Row> {
  const run = ['run', FLY, NAME] as const;
  const { ours, theirs, ratio } = await compare(full.command(...run), empty.command(...run), 30);
  yield {
    what: `run fly beside ${PODS} pods : beside few`,
    ours: ms(ours),
    theirs: ms(theirs),
    value: ratio,
    unit: '×',
    must: 1.15,
    reach: 1.05,
  };
}

/** Starts what it is given, so often, at once. They are its children: whoever has many starts others slowly. */
const AT_ONCE = `for pod in $(seq ${RUNNING}); do "$@" </dev/null & all="$all $!"; done; for pod in $all; do wait $pod || exit; done`;

/** @returns milliseconds until what was started at once is what it should be */
async function startAtOnce(
  { argv, env = ENVIRONMENT }: TimedCommand,
  settled: (programs: RunningProgram) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  await settled(nodeExec.stream({ argv: ['sh', '-c', AT_ONCE, 'sh', ...argv], env }));

  return performance.now() - started;
}

async function* atOnce(store: BenchStore, podman: Podman): AsyncGenerator<Row> {
  const theirs = await startAtOnce(podman.detach(...PODMAN_LASTING), async ({ ended, stdout }) => {
    stdout.resume();
    demandSuccess(await ended, 'podman run --detach');
  });
  await podman.clear();
  const ours = await startAtOnce(store.command('run', FLY, NAME, ...LASTING), allBegun);

  yield {
    what: `${RUNNING} fly pods started at once : podman run --detach`,
    ours: ms(ours),
    theirs: ms(theirs),
    value: ours / theirs,
    unit: '×',
    must: 0.6,
    reach: 0.4,
  };
}

async function allBegun({ stdout, ended }: RunningProgram): Promise<void> {
  let count = 0;
  const failed = ended.then((result) => {
    throw new Error(`only ${count} pods began: ${result.stderr.slice(-500)}`);
  });
  failed.catch(() => {});
  const counted = async (): Promise<void> => {
    for await (const _line of createInterface({ input: stdout })) {
      count += 1;
      if (count === RUNNING) return;
    }
    await failed;
  };
  await Promise.race([counted(), failed]);
}

async function begun({ stdout, stdin, ended }: RunningProgram): Promise<void> {
  stdin.end();
  const failed = ended.then((result) => {
    throw new Error(`the pod did not begin: ${result.stderr.slice(-500)}`);
  });
  failed.catch(() => {});
  await Promise.race([once(stdout, 'data'), failed]);
}

async function stopAll(store: BenchStore): Promise<void> {
  const listed = await store.run('list', '--state=running', '--full', '--no-legend');
  const uuids = listed.split('\n').flatMap((line) => /^[0-9a-f-]{36}/.exec(line)?.[0] ?? []);
  await store.run('stop', '--force', ...uuids);
}

async function* stopping(store: BenchStore): AsyncGenerator<Row> {
  for (const [flavor, flags] of [
    ['fly', [FLY]],
    ['nspawn', ['--net=none']],
  ] as const) {
    const times: number[] = [];
    for (let count = 0; count < RUNS; count += 1) {
      const { argv } = store.command('run', '--pod-name=stopped', ...flags, NAME, ...LASTING);
      const pod = nodeExec.stream({ argv, env: ENVIRONMENT });
      await begun(pod);
      times.push(await time(store.command('stop', 'stopped')));
      await pod.ended;
      await store.run('rm', 'stopped');
    }
    yield inMilliseconds(`stop of a ${flavor} pod that ends at once`, median(times), {
      must: 150,
      reach: 100,
    });
  }
}

async function* removing(store: BenchStore, exited: string): AsyncGenerator<Row> {
  await store.run('gc', '--grace-period=0s');
  const bounds = { must: 5, reach: 2 };
  const uuids = fill(runDir(store), exited, PODS);
  const removal = await time(store.command('rm', ...uuids));
  const plain = `${exited}-plain`;
  mkdirSync(plain);
  fill(plain, exited, PODS);
  const theirs = ms((await time({ argv: ['rm', '-rf', plain] })) / PODS);
  yield {
    ...inMilliseconds(`rm of ${PODS} exited pods, each; rm -rf`, removal / PODS, bounds),
    theirs,
  };

  fill(runDir(store), exited, PODS);
  const collection = await time(store.command('gc', '--grace-period=0s'));
  yield {
    ...inMilliseconds(`gc of ${PODS} exited pods, each; rm -rf`, collection / PODS, bounds),
    theirs,
  };
}

function inMilliseconds(
  what: string,
  value: number,
  bounds: { readonly must: number; readonly reach: number },
): Row {
  return { what, ours: ms(value), theirs: '', value, unit: 'ms', ...bounds };
}
