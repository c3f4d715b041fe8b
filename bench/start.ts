import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../test/helpers/image-maker.ts';
import type { BenchContext } from './context.ts';
import { compare, ENVIRONMENT, type TimedCommand } from './measure.ts';
import { preparePodman } from './podman.ts';
import { ms, type Row } from './row.ts';
import { prepareStore } from './store.ts';

const RUNS = 20;
const NAME = 'gantry.example/bench/true';

/** What a short command costs: the program itself, a fly pod, an nspawn pod. */
export async function* measureStart(context: BenchContext): AsyncGenerator<Row> {
  const { gantry, node, work } = context;
  const store = await prepareStore(context);
  const image = await makeImage(work, { name: NAME });
  await store.key.signDetached(image, `${image}.asc`);
  await store.run('fetch', image);
  const tar = await rootfsTar(image, work);
  using podman = await preparePodman(join(work, 'podman'), tar);
  const bareNode: TimedCommand = { argv: [node, '-e', '0'] };
  const fly = store.command('run', '--stage1-name=fly', NAME);
  const nspawn = store.command('run', '--net=none', NAME);

  yield await row('gantry version : node -e 0', [{ argv: [gantry, 'version'] }, bareNode], {
    must: 1.4,
    reach: 1.15,
  });
  yield await row('run fly : podman run --network=host', [fly, podman.run('host', '/bin/true')], {
    must: 0.4,
    reach: 0.25,
  });
  yield await row('run fly : node -e 0', [fly, bareNode], { must: 2, reach: 1.4 });
  yield await row(
    'run nspawn --net=none : podman run --network=none',
    [nspawn, podman.run('none', '/bin/true')],
    {
      must: 1,
      reach: 0.6,
    },
  );
}

async function row(
  what: string,
  [ours, theirs]: readonly [TimedCommand, TimedCommand],
  bounds: { readonly must: number; readonly reach: number },
): Promise<Row> {
  const result = await compare(ours, theirs, RUNS);

  return {
    what,
    ours: ms(result.ours),
    theirs: ms(result.theirs),
    value: result.ratio,
    unit: '×',
    ...bounds,
  };
}

/** The same root file system as a plain tar, for podman's import. */
export async function rootfsTar(image: string, work: string): Promise<string> {
  const layout = join(work, 'unpacked');
  mkdirSync(layout);
  const tar = join(work, 'rootfs.tar');
  for (const argv of [
    ['tar', '-xzf', image, '-C', layout],
    ['tar', '-cf', tar, '-C', join(layout, 'rootfs'), '.'],
  ] as const) {
    demandSuccess(await nodeExec.run({ argv, env: ENVIRONMENT }), 'repack the image');
  }

  return tar;
}
