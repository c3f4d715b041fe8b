import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCode } from '#base/errors/gantry-error';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { type LeakWatch, watchLeaks } from '../helpers/leaks.ts';
import {
  cgroupsOf,
  createNspawnPods,
  type NspawnPods,
  processesOf,
  type StartedPod,
  until,
  waiterOf,
} from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/released';
const FLAVORS = ['fly', 'nspawn'] as const;
type Flavor = (typeof FLAVORS)[number];

/** Removes a cgroup in which nothing lives any more. */
function removeEmpty(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EBUSY') return false;
    throw error;
  }
}

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('what a pod held', () => {
  let pods: NspawnPods;
  let leaks: LeakWatch;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
    leaks = watchLeaks(pods.context);
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await pods.context.gantry(args);
  const stateOf = async (uuid: string): Promise<string | undefined> =>
    /state=(.*)/.exec((await gantry('status', uuid)).stdout.toString())?.[1];

  const argsOf = (flavor: Flavor, script: string): readonly string[] => {
    const network = flavor === 'fly' ? [] : ['--net=none'];
    return [`--stage1-name=${flavor}`, ...network, NAME, '--exec=/bin/sh', '--', '-c', script];
  };
  /** Under fly what an app leaves running behind is the pod from then on. */
  const SCRIPTS = { fly: 'exec sleep 300', nspawn: 'sleep 300 & wait' };
  const start = async (flavor: Flavor, script = SCRIPTS[flavor]): Promise<StartedPod> => {
    const pod = await pods.start(argsOf(flavor, `echo ready; ${script}`));
    leaks.note();
    return pod;
  };

  /** nspawn is the child of whoever called, PID 1 its own. */
  const firstProcess = ({ program }: StartedPod): number =>
    Number.parseInt(readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8'), 10);
  /** Those of one pod end with one another: who has gone by itself was not missed. */
  const kill = (pid: number): void => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') throw error;
    }
  };

  it.runIf(requires('strace'))('is given back by who failed to start it, alive', async () => {
    const slowly = ['strace', '-qq', '-o', '/dev/null', '-e', 'trace=exit_group'] as const;
    const command = pods.context.argv('run', '--insecure-options=image', ...argsOf('nspawn', ''));
    const failed = await nodeExec.run({
      // Without that right the app gets no /dev/null; the waiter has time to be faster.
      argv: [
        ...slowly,
        '-e',
        'inject=exit_group:delay_enter=1500000',
        'setpriv',
        '--bounding-set=-mknod',
        ...command,
      ],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });

    expect([failed.exitCode, failed.stderr]).toEqual([254, expect.stringContaining('/dev/null')]);
    await gantry('gc', '--grace-period=0s');
    expect((await gantry('list', '--no-legend')).stdout.toString()).toBe('');
  });

  it('is given back when its cgroups cannot all be made', async () => {
    const top = ['/sys/fs/cgroup/unified', '/sys/fs/cgroup'].find((dir) =>
      existsSync(join(dir, 'cgroup.procs')),
    );
    const barren = join(top ?? '', `gantry-test-${process.pid}`);
    mkdirSync(barren);
    try {
      writeFileSync(join(barren, 'cgroup.max.descendants'), '0');
      const saved = join(pods.context.workDir, 'barren');
      const flags = ['--insecure-options=image', `--uuid-file-save=${saved}`];
      const command = pods.context.argv('run', ...flags, ...argsOf('nspawn', ''));
      const failed = await nodeExec.run({
        argv: ['sh', '-c', `echo $$ >${barren}/cgroup.procs; exec "$@"`, 'sh', ...command],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      });

      expect(failed.exitCode).toBe(254);
      expect(failed.stderr).toContain('a limit on the number of cgroups is reached');
      const left = `/sys/fs/cgroup/**/gantry-${readFileSync(saved, 'utf8').trim()}`;
      await until('nothing is left in any hierarchy', () => globSync(left).length === 0);
    } finally {
      // The waiter is the last to leave it.
      await until('the cgroup is empty', () => removeEmpty(barren));
      await gantry('gc', '--grace-period=0s');
    }
  });

  const ENDS: readonly (readonly [
    how: string,
    flavors: readonly Flavor[],
    end: (pod: StartedPod) => unknown,
  ])[] = [
    ['is asked to stop', FLAVORS, ({ uuid }) => gantry('stop', uuid)],
    ['is made to stop', FLAVORS, ({ uuid }) => gantry('stop', '--force', uuid)],
    ['has its main process killed', FLAVORS, ({ program }) => program.kill('SIGKILL')],
    ['has its main process crash', FLAVORS, ({ program }) => program.kill('SIGSEGV')],
    ['has its PID 1 killed', ['nspawn'], (pod) => kill(firstProcess(pod))],
    [
      'has all its processes killed',
      ['nspawn'],
      ({ uuid }) => processesOf(uuid).toReversed().forEach(kill),
    ],
  ];

  it.each(ENDS)('is given back when it %s', async (_how, flavors, end) => {
    for (const flavor of flavors) {
      const pod = await start(flavor);
      await end(pod);
      await pod.program.ended;

      expect(await leaks.settled()).toEqual([]);
      expect(await stateOf(pod.uuid)).toBe('exited');
    }
  });

  it.each(FLAVORS)('is given back when its app ends by itself under %s', async (flavor) => {
    for (const [script, exitCode] of [
      ['sleep 0.2', 0],
      ['sleep 0.2; exit 3', 3],
      ['kill -9 $$', 137],
    ] as const) {
      const pod = await pods.start(argsOf(flavor, `echo ready; ${script}`));
      leaks.note();
      const ended = await pod.program.ended;

      expect(ended.exitCode ?? (ended.signal === 'SIGKILL' ? 137 : ended.signal)).toBe(exitCode);
      expect(await leaks.settled()).toEqual([]);
    }
  });

  it('is given back when a fly pod is stopped that others than its app hold on to', async () => {
    for (const script of ['sleep 300 & wait', 'sleep 300 & exit 0']) {
      const { uuid, program } = await start('fly', script);
      if (script.endsWith('exit 0'))
        await until('the app has gone', () => !existsSync(`/proc/${program.pid}/exe`));
      expect(await stateOf(uuid)).toBe('running');
      const stopped = await gantry('stop', uuid);

      expect(stopped).toMatchObject({ exitCode: 0, stderr: '' });
      expect(stopped.durationMs).toBeLessThan(20_000);
      expect(await leaks.settled()).toEqual([]);
      await program.ended;
    }
  });

  /** Runs a pod on a terminal and closes that. @returns its UUID */
  async function closeTerminal(flavor: Flavor, ...flags: readonly string[]): Promise<string> {
    const saved = join(pods.context.workDir, `uuid-${Math.random()}`);
    const [program, ...args] = pods.context.argv(
      'run',
      '--insecure-options=image',
      `--uuid-file-save=${saved}`,
      ...flags,
      ...argsOf(flavor, 'echo ready; sleep 300'),
    );
    const words = [program, ...args].map((word) => `'${word}'`).join(' ');
    const terminal = nodeExec.stream({
      argv: ['script', '--quiet', '--flush', '--command', words, '/dev/null'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SHELL: '/bin/sh' },
    });
    let said = '';
    terminal.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until('the pod is ready', () => said.includes('ready'));
    leaks.note();
    terminal.kill('SIGKILL');
    await terminal.ended;

    return readFileSync(saved, 'utf8').trim();
  }

  it.each([
    ['fly', []],
    ['nspawn', ['--interactive']],
  ] as const)('is given back when its terminal is closed under %s', async (flavor, flags) => {
    const uuid = await closeTerminal(flavor, ...flags);

    expect(await leaks.settled()).toEqual([]);
    expect(await stateOf(uuid)).toBe('exited');
  });

  it('is kept by a pod that does not sit at the terminal that is closed', async () => {
    const uuid = await closeTerminal('nspawn');
    expect(await stateOf(uuid)).toBe('running');
    expect((await gantry('stop', uuid)).exitCode).toBe(0);

    expect(await leaks.settled()).toEqual([]);
  });

  it.each([
    ['gc --mark-only', (_uuid: string) => gantry('gc', '--mark-only')],
    ['stop', (uuid: string) => gantry('stop', uuid)],
    ['wait', (uuid: string) => gantry('wait', uuid)],
    ['rm', (uuid: string) => gantry('rm', uuid)],
  ])('is seen when the waiter is killed first, and ended by %s', async (_name, meet) => {
    const pod = await start('nspawn');
    kill(waiterOf(pod.dir) ?? Number.NaN);
    pod.program.kill('SIGKILL');
    await pod.program.ended;

    expect(await stateOf(pod.uuid)).toBe('orphaned');
    expect((await gantry('list', '--state=orphaned')).stdout.toString()).toContain('orphaned');
    expect(processesOf(pod.uuid)).not.toEqual([]);
    expect((await meet(pod.uuid)).exitCode).toBe(0);
    expect(await leaks.settled()).toEqual([]);
  });

  it('is nothing after a power loss, and gc finds all in order', async () => {
    const prepare = ['prepare', '--quiet', '--insecure-options=image', '--stage1-name=fly', NAME];
    const prepared = (await gantry(...prepare)).stdout.toString().trim();
    const running = [await start('nspawn'), await start('fly')];
    for (const pod of running) loseAll(pod);
    await Promise.all(running.map(({ program }) => program.ended));
    for (const { uuid } of running) await removeCgroups(uuid);

    for (const { uuid } of running) {
      expect(await stateOf(uuid)).toBe('exited');
      expect((await gantry('inspect', uuid)).stderr).toBe('');
    }
    expect((await gantry('logs', running[0]?.uuid ?? '')).stdout.toString()).toContain('ready');
    const marked = await gantry('gc', '--mark-only');
    expect([marked.exitCode, marked.stderr]).toEqual([0, expect.not.stringContaining('cannot')]);
    for (const { uuid } of running) expect(await stateOf(uuid)).toBe('exited garbage');
    expect((await gantry('run-prepared', '--insecure-options=image', prepared)).exitCode).toBe(0);
    await gantry('gc', '--grace-period=0s');
    expect((await gantry('list', '--no-legend')).stdout.toString()).toBe('');
    expect(await leaks.settled()).toEqual([]);
  });

  /** Everything of a pod dies at once, what would clean up after it first. */
  function loseAll({ uuid, dir, program }: StartedPod): void {
    const waiter = waiterOf(dir);
    if (waiter !== undefined) kill(waiter);
    program.kill('SIGKILL');
    for (const pid of processesOf(uuid)) kill(pid);
  }

  /** As a boot does. Who was killed takes a moment to leave them. */
  async function removeCgroups(uuid: string): Promise<void> {
    await until('its cgroups are empty', () => cgroupsOf(uuid).every(removed));
    expect(cgroupsOf(uuid)).toEqual([]);
  }

  function removed(top: string): boolean {
    const below = globSync(`${top}/**/`).toSorted((one, other) => other.length - one.length);
    try {
      for (const dir of [...below, top]) if (existsSync(dir)) rmdirSync(dir);
      return true;
    } catch (error) {
      if (errorCode(error) !== 'EBUSY') throw error;
      return false;
    }
  }

  it('is nothing but its own directory: no file is left half-made', () => {
    const { dataDir } = pods.context;

    expect(globSync(join(dataDir, '**/*.tmp'))).toEqual([]);
    expect(readdirSync(join(dataDir, 'cas', 'tmp'))).toEqual([]);
    expect(readdirSync(join(dataDir, 'cas', 'imagelocks'))).toEqual([]);
  });
});
