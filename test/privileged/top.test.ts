import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { createNspawnPods, type NspawnPods, type StartedPod } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/busy';
const MEGABYTE = 1024 * 1024;
/** For all tests of this file. */
const LASTING = { timeoutMs: 300_000 };
const BURN = 'while :; do :; done';
/** Keeps 30 MB, writes 8 MB, says so, and goes on writing. */
const HOLD =
  'x=$(head -c 30000000 /dev/zero | tr "\\\\0" a); write() { dd if=/dev/zero of=/f bs=1M count=8 2>/dev/null; }; write; echo ready; while :; do write; sleep 0.1; done';
const app = (name: string, text: string): readonly string[] => [
  NAME,
  `--name=${name}`,
  '--exec=/bin/sh',
  '--',
  '-c',
  text,
];

interface Load {
  readonly cpu_percent: number;
  readonly cpu_time: number;
  readonly memory: number;
  readonly processes: number;
  readonly written_bytes: number;
  readonly written_bytes_per_second: number;
}
type Pod = Load & {
  readonly name: string;
  readonly pod_name?: string;
  readonly state: string;
  readonly apps: readonly (Load & { readonly name: string })[];
};

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry top', () => {
  let pods: NspawnPods;
  let pair: StartedPod;
  let alone: StartedPod;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
    [pair, alone] = await Promise.all([
      pods.start(['--pod-name=pair', ...app('burn', BURN), '---', ...app('hold', HOLD)], LASTING),
      pods.start(['--stage1-name=fly', ...app('single', 'echo ready; exec sleep 300')], LASTING),
    ]);
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const top = async (...args: readonly string[]): Promise<string> => {
    const result = await pods.context.gantry(['top', ...args]);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    return result.stdout.toString();
  };

  it('tells what pods and their apps use', async () => {
    const all = JSON.parse(await top('--format=json', '--interval=1s')) as readonly Pod[];
    const [first, second] = all as [Pod, Pod];
    const appOf = (name: string): Load =>
      first.apps.find((each) => each.name === name) as Pod['apps'][number];
    const [burn, hold] = [appOf('burn'), appOf('hold')];

    expect(all).toHaveLength(2);
    expect(first).toMatchObject({ name: pair.uuid, pod_name: 'pair', state: 'running' });
    expect(burn.cpu_percent).toBeGreaterThan(5);
    expect(first.cpu_time).toBeGreaterThanOrEqual(burn.cpu_time);
    expect(hold.memory).toBeGreaterThan(25 * MEGABYTE);
    expect(burn.memory).toBeLessThan(10 * MEGABYTE);
    expect(first.memory).toBeGreaterThan(hold.memory / 2);
    expect(hold.written_bytes).toBeGreaterThanOrEqual(8 * MEGABYTE);
    expect(burn.processes).toBe(1);
    expect(burn.written_bytes).toBeLessThan(MEGABYTE);
    expect(first.processes).toBeGreaterThan(3);
    expect(first.written_bytes).toBeGreaterThanOrEqual(8 * MEGABYTE);

    expect(second).toMatchObject({ name: alone.uuid, processes: 1, cpu_percent: 0 });
    const { name, ...single } = second.apps[0] as Pod['apps'][number];
    expect(name).toBe('single');
    expect(second).toMatchObject(single);
    expect(single.memory).toBeGreaterThan(0);
  });

  it('prints one table where there is no terminal', async () => {
    const lines = (await top('--sort=memory')).split('\n');

    expect(lines[0]).toMatch(/^UUID +APP +CPU +CPU TIME +MEMORY +PROCS +READ\/S +WRITE\/S +NAME$/);
    expect(lines[1]).toMatch(new RegExp(`^${pair.uuid.slice(0, 8)} .*%.*MiB.* pair$`));
    expect(lines[2]).toMatch(/^ +hold +\d+\.\d% /);
    expect(lines[3]).toMatch(/^ +burn +\d+\.\d% /);
    expect(await top('--no-legend', '--full', pair.uuid)).toMatch(
      new RegExp(`^${pair.uuid} .* pair\n +(burn|hold) .*\n +(burn|hold) .*\n$`),
    );
  });

  it('refuses what does not run', async () => {
    const prepare = ['prepare', '--quiet', '--insecure-options=image', NAME];
    const uuid = (await pods.context.gantry(prepare)).stdout.toString().trim();
    const refused = await pods.context.gantry(['top', uuid]);

    expect(refused.exitCode).toBe(254);
    expect(refused.stderr).toContain(`cannot measure pod ${uuid}: it is prepared, not running`);
  });

  /** Starts it at a terminal of its own; `seen` has all that came on the screen so far. */
  const atTerminal = (
    seen: (screen: string, press: (key: string) => void) => void,
    ...args: readonly string[]
  ): Promise<ExecResult> => {
    const command = pods.context.argv('top', '--interval=200ms', ...args).join(' ');
    const terminal = nodeExec.stream({
      argv: ['script', '--quiet', '--return', '--command', command, '/dev/null'],
      env: { PATH: '/usr/bin:/bin', TERM: 'xterm' },
      timeoutMs: 60_000,
    });
    let screen = '';
    terminal.stdout.on('data', (chunk: Buffer) => {
      screen += chunk.toString();
      seen(screen, (key) => void terminal.stdin.write(key));
    });
    return terminal.ended;
  };

  it('goes on at a terminal until "q" is pressed, and gives it back', async () => {
    const keys = [
      { after: /by cpu[^]*pair/, press: 'm' },
      { after: /by memory[^]*pair/, press: 'q' },
    ];
    let last = '';
    const { exitCode } = await atTerminal((screen, press) => {
      last = screen;
      const [next] = keys;
      if (next?.after.test(screen) === true) press(keys.shift()?.press ?? '');
    });

    expect([exitCode, keys]).toEqual([0, []]);
    expect(last.startsWith('\x1b[?1049h')).toBe(true);
    expect(last.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });

  it('ends with the pods that it was to watch', async () => {
    let stopped: Promise<ExecResult> | undefined;
    const { exitCode } = await atTerminal((screen) => {
      if (screen.includes('single')) stopped ??= pods.context.gantry(['stop', alone.uuid]);
    }, alone.uuid);

    expect([exitCode, (await stopped)?.exitCode]).toEqual([0, 0]);
  });
});
