import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { eventually } from '../helpers/eventually.ts';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/restart';
const app = (name: string, script: string, ...flags: readonly string[]): readonly string[] => [
  NAME,
  `--name=${name}`,
  ...flags,
  '--exec=/bin/sh',
  '--',
  '-c',
  script,
  '---',
];

interface AppJson {
  readonly exit_code?: number;
  readonly restarts?: number;
  readonly started_at: number;
  readonly finished_at: number;
}

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('policies of nspawn pods', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await pods.context.gantry(args);
  const appsOf = async (pod: string): Promise<readonly AppJson[]> => {
    const { stdout } = await gantry('status', '--format=json', pod);
    return (JSON.parse(stdout.toString()) as { readonly apps: readonly AppJson[] }).apps;
  };
  const restarts = async (pod: string, enough: RegExp): Promise<boolean> =>
    await eventually('restarts', async () =>
      enough.test((await gantry('status', pod)).stdout.toString()),
    );

  it.each([
    ['any-failure', 4],
    ['all', 4],
    ['first-exit', 0],
  ])('ends a pod by the exit policy %s', async (policy, expected) => {
    const { exitCode, stdout } = await pods.run([
      `--exit-policy=${policy}`,
      `--pod-name=${policy}`,
      ...app('first', 'exit 0'),
      ...app('second', 'sleep 1; exit 4'),
      ...app('third', 'trap "exit 0" TERM; sleep 2 & wait; echo to the end; exit 5'),
    ]);
    const waited = await gantry('wait', policy);

    expect(exitCode).toBe(expected);
    expect(stdout.toString().includes('to the end')).toBe(policy === 'all');
    expect(waited.exitCode).toBe(expected);
  });

  it('starts an app again so many times, later each time, when it fails', async () => {
    const { exitCode, stdout } = await pods.run([
      '--pod-name=thrice',
      ...app('web', 'echo try; exit 7', '--restart=on-failure:3'),
    ]);
    const [web] = await appsOf('thrice');

    expect(exitCode).toBe(7);
    expect(stdout.toString()).toBe('try\n'.repeat(4));
    expect(web).toMatchObject({ exit_code: 7, restarts: 3 });
    const log = await gantry('logs', '--timestamps', 'thrice');
    const times = [...log.stdout.toString().matchAll(/^(\S+)Z try$/gm)].map(([, time = '']) =>
      Date.parse(`${time.slice(0, 23)}Z`),
    );
    const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    // The first is read late: what reads it must start first.
    expect(gaps[1]).toBeGreaterThan(180);
    expect(gaps[2]).toBeGreaterThan(380);
  });

  it('does not start an app again that ended well, unless always', async () => {
    const well = await pods.run([
      '--pod-name=well',
      ...app('web', 'echo once', '--restart=on-failure'),
    ]);
    const pod = await pods.start([
      '--pod-name=always',
      ...app(
        'web',
        'test -e /again || { touch /again; exit 0; }; echo ready; sleep 300',
        '--restart=always',
      ),
    ]);
    const [web] = await appsOf('always');
    await gantry('stop', 'always');

    expect(well.stdout.toString()).toBe('once\n');
    expect(web?.restarts).toBe(1);
    expect((await pod.program.ended).exitCode).toBe(0);
  });

  it('starts an app again that was killed, and keeps its last times', async () => {
    const pod = await pods.start([
      '--pod-name=killed',
      ...app(
        'web',
        'echo ready; test -e /again && sleep 300; touch /again; kill -KILL $$',
        '--restart=on-failure',
      ),
    ]);
    await restarts('killed', /restarts-web=1/);
    await gantry('status', '--wait-ready=30s', 'killed');
    const [running] = await appsOf('killed');
    const status = (await gantry('status', 'killed')).stdout.toString();
    await gantry('stop', 'killed');
    await pod.program.ended;
    const [ended] = await appsOf('killed');

    expect(status).toContain('state=running');
    expect(running?.restarts).toBe(1);
    expect(ended?.started_at).toBe(running?.started_at);
    expect(ended?.finished_at).toBeGreaterThan(ended?.started_at ?? 0);
  });

  it('ends a pod whose app waits to be started again', async () => {
    const pod = await pods.start([
      '--pod-name=waiting',
      ...app('web', 'echo ready; exit 3', '--restart=always'),
    ]);
    await restarts('waiting', /restarts-web=([6-9]|\d\d)/);
    const before = Date.now();
    const stopped = await gantry('stop', 'waiting');
    await pod.program.ended;

    expect(stopped.exitCode).toBe(0);
    expect(Date.now() - before).toBeLessThan(10_000);
    expect((await appsOf('waiting'))[0]).toMatchObject({ exit_code: 3 });
  });

  it('is ready when an app that fails at first has started', async () => {
    const image = 'example.com/restart/late';
    await pods.add({
      name: image,
      app: {
        exec: ['/bin/sleep', '300'],
        eventHandlers: [
          { name: 'pre-start', exec: ['/bin/sh', '-c', 'test -e /2 || { touch /2; exit 1; }'] },
        ],
      },
    });
    const pod = pods.context.start([
      'run',
      '--insecure-options=image',
      '--pod-name=late',
      image,
      '--restart=on-failure',
    ]);
    while ((await gantry('status', 'late')).exitCode !== 0) {}
    const { exitCode } = await gantry('status', '--wait-ready=60s', 'late');
    const [late] = await appsOf('late');
    await gantry('stop', 'late');
    await pod.ended;

    expect(exitCode).toBe(0);
    expect(late?.restarts).toBe(1);
  });

  it('carries policies through prepare', async () => {
    await gantry(
      'prepare',
      '--insecure-options=image',
      '--pod-name=prepared',
      '--exit-policy=first-exit',
      ...app('one', 'exit 6'),
      ...app('two', 'sleep 300'),
    );
    expect((await gantry('run-prepared', '--insecure-options=image', 'prepared')).exitCode).toBe(6);
  });

  it.each([
    [['--exit-policy=some', NAME], 'cannot read --exit-policy: unknown policy "some"'],
    [[NAME, '--restart=never'], 'cannot read --restart: unknown policy "never"'],
    [
      ['--stage1-name=fly', NAME, '--restart=always'],
      'stage1-fly cannot start app "restart" again',
    ],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stderr } = await pods.run(args);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(message);
  });
});
