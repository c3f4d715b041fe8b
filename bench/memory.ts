import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../test/helpers/image-maker.ts';
import type { BenchContext } from './context.ts';
import { ENVIRONMENT } from './measure.ts';
import type { Row } from './row.ts';
import { type BenchStore, prepareStore } from './store.ts';

const NAME = 'gantry.example/bench/sleep';

/** What a running pod takes beside its app, as proportional set size. */
export async function* measureMemory(context: BenchContext): AsyncGenerator<Row> {
  const store = await prepareStore(context);
  const image = await makeImage(context.work, {
    name: NAME,
    app: { exec: ['/bin/sleep', '4242'] },
  });
  await store.key.signDetached(image, `${image}.asc`);
  await store.run('fetch', image);

  const fly = await addedMemory(store, ['run', '--stage1-name=fly', NAME]);
  yield {
    what: 'memory that a fly pod adds (PSS)',
    ours: `${fly.toFixed(1)} MB`,
    theirs: '',
    value: fly,
    unit: 'MB',
    must: 0,
    reach: 0,
  };
  const nspawn = await addedMemory(store, ['run', '--net=none', NAME]);
  yield {
    what: 'memory that an nspawn pod adds (PSS)',
    ours: `${nspawn.toFixed(1)} MB`,
    theirs: '',
    value: nspawn,
    unit: 'MB',
    must: 16,
    reach: 8,
  };
}

/** Starts a pod and adds up every new process but the app itself. @returns MB */
async function addedMemory(store: BenchStore, args: readonly string[]): Promise<number> {
  const { argv } = store.command(...args);
  const running = nodeExec.stream({ argv, env: ENVIRONMENT });
  running.stdout.resume();
  try {
    await appeared(running.pid, store.dataDir);
    await sleep(1500);
    const added = belonging(running.pid, store.dataDir).filter((pid) => !isApp(pid));
    return added.reduce((sum, pid) => sum + pss(pid), 0) / 1024;
  } finally {
    running.kill('SIGTERM');
    await running.ended;
  }
}

async function appeared(root: number, dataDir: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
    if (belonging(root, dataDir).some(isApp)) return;
  }
  throw new Error('the pod did not start in 20 seconds');
}

/** The processes of a pod: what descends from its first one, and whoever else was started for its folder. */
function belonging(root: number, dataDir: string): readonly number[] {
  const found = new Set([root]);
  for (const pid of processes()) {
    const parent = Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
    if (found.has(parent) || read(`/proc/${pid}/cmdline`).includes(dataDir)) found.add(pid);
  }

  return [...found];
}

function processes(): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

function isApp(pid: number): boolean {
  const [program = '', argument] = read(`/proc/${pid}/cmdline`).split(String.fromCodePoint(0));

  return program.endsWith('sleep') && argument === '4242';
}

/** Proportional set size in KiB; 0 for a process that has gone. */
function pss(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
