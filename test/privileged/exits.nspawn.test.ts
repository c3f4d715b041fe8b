import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { inShell } from '../helpers/in-shell.ts';
import { cgroupsOf, createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { addNotifier, NOTIFY_ANNOTATION } from '../helpers/notifier.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/exits';
const sh = inShell(NAME);

/** An app as `status --format=json` shows it; times are nanoseconds. */
interface AppJson {
  readonly name: string;
  readonly state: string;
  readonly started_at?: number;
  readonly finished_at?: number;
  readonly exit_code?: number;
  readonly exit_reason?: string;
  readonly exit_signal?: string;
}

const possible = requires('root', 'nspawn', 'overlay', 'busybox');

describe.runIf(possible)('what is kept of how apps ended', () => {
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
  const appOf = async (uuidOrName: string): Promise<AppJson> => {
    const { stdout } = await gantry('status', '--format=json', uuidOrName);
    const { apps } = JSON.parse(stdout.toString()) as { readonly apps: readonly [AppJson] };
    return apps[0];
  };

  it.each([
    ['exited', sh('exit 3'), { exit_code: 3 }],
    ['signalled', sh('kill -SEGV $$'), { exit_code: 139, exit_signal: 'SEGV' }],
    ['not-started', [NAME, '--exec=/bin/no-such-program'], { exit_code: 127 }],
    ['not-started', [NAME, '--exec=/etc/passwd'], { exit_code: 126 }],
  ])('knows an app that was %s', async (reason, args, rest) => {
    const name = `pod-${Math.random().toString(36).slice(2)}`;
    const before = Date.now();
    await pods.run([`--pod-name=${name}`, ...args]);
    const app = await appOf(name);
    const text = (await gantry('status', name)).stdout.toString();

    expect(app).toMatchObject({ state: 'exited', exit_reason: reason, ...rest });
    expect(app.started_at === undefined).toBe(reason === 'not-started');
    expect((app.finished_at ?? 0) / 1e6).toBeGreaterThan(before);
    expect((app.finished_at ?? Number.POSITIVE_INFINITY) / 1e6).toBeLessThan(Date.now());
    expect(text).toMatch(
      new RegExp(`^app-exits=${rest.exit_code}\\n[^]*^reason-exits=${reason}$`, 'm'),
    );
  });

  it('keeps times that are exact, whatever handlers do around the app', async () => {
    const image = 'example.com/exits/handled';
    const sleep = (seconds: number): readonly string[] => ['/bin/sleep', String(seconds)];
    await pods.add({
      name: image,
      app: {
        exec: sleep(1),
        eventHandlers: [
          { name: 'pre-start', exec: sleep(1) },
          { name: 'post-stop', exec: sleep(2) },
        ],
      },
    });
    const before = Date.now();
    await pods.run(['--pod-name=handled', image]);
    const { started_at: started = 0, finished_at: finished = 0 } = await appOf('handled');

    expect(started / 1e6 - before).toBeGreaterThan(950);
    expect((finished - started) / 1e6).toBeGreaterThan(950);
    expect((finished - started) / 1e6).toBeLessThan(2900);
  });

  it('says that an app whose pre-start handler failed never started', async () => {
    const image = 'example.com/exits/unprepared';
    await pods.add({
      name: image,
      app: { eventHandlers: [{ name: 'pre-start', exec: ['/bin/false'] }] },
    });
    await pods.run(['--pod-name=unprepared', image]);

    expect(await appOf('unprepared')).toMatchObject({ exit_code: 1, exit_reason: 'not-started' });
  });

  it.runIf(possible && requires('cgroup-v1'))('knows an app that ran out of memory', async () => {
    const eat = 'x=$(head -c 200000000 /dev/zero | busybox tr "\\0" a); echo "${#x}"';
    const pod = await pods.start(sh(`echo ready; until test -e /go; do sleep 0.1; done; ${eat}`));
    const [memory = ''] = cgroupsOf(pod.uuid).filter((dir) =>
      existsSync(join(dir, 'memory.limit_in_bytes')),
    );
    writeFileSync(join(memory, 'memory.limit_in_bytes'), '100000000');
    await gantry('enter', pod.uuid, '/bin/touch', '/go');
    const { exitCode } = await pod.program.ended;

    expect(exitCode).toBe(137);
    expect(await appOf(pod.uuid)).toMatchObject({ exit_code: 137, exit_reason: 'oom' });
  });

  it('tells apps that run from those that are about to', async () => {
    const image = 'example.com/exits/preparing';
    await pods.add({
      name: image,
      app: {
        exec: ['/bin/sleep', '300'],
        eventHandlers: [
          { name: 'pre-start', exec: ['/bin/sh', '-c', 'until test -e /go; do sleep 0.1; done'] },
        ],
      },
    });
    const pod = pods.context.start(['run', '--insecure-options=image', '--pod-name=slow', image]);
    while (!(await gantry('status', 'slow')).stdout.toString().includes('pid=')) {}
    const early = await appOf('slow');
    while ((await gantry('enter', 'slow', '/bin/touch', '/go')).exitCode !== 0) {}
    await gantry('status', '--wait-ready=60s', 'slow');
    const late = await appOf('slow');
    await gantry('stop', 'slow');
    await pod.ended;

    expect(early.state).toBe('created');
    expect(late.state).toBe('running');
    expect(await appOf('slow')).toMatchObject({ state: 'exited', started_at: late.started_at });
  });
});

describe.runIf(possible)('gantry status --wait-ready', () => {
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
  const waits = async (name: string, limit = '60s'): Promise<ExecResult> =>
    await gantry('status', `--wait-ready=${limit}`, name);
  const prepare = async (name: string, ...args: readonly string[]): Promise<void> => {
    await gantry('prepare', '--insecure-options=image', `--pod-name=${name}`, ...args);
  };
  const start = (name: string): ReturnType<NspawnPods['context']['start']> =>
    pods.context.start(['run-prepared', '--insecure-options=image', name]);

  it('waits for a pod that does not run yet, until its apps have started', async () => {
    await prepare('later', NAME, '--exec=/bin/sleep', '--', '300');
    const waiting = waits('later');
    const pod = start('later');
    const { exitCode, stdout } = await waiting;

    expect(exitCode).toBe(0);
    expect(stdout.toString()).toMatch(/^state=running\n[^]*^started-exits=/m);
    expect((await waits('later', '0s')).exitCode).toBe(0);
    await gantry('stop', 'later');
    await pod.ended;
    expect((await waits('later')).stderr).toMatch(
      /cannot wait for pod \S+ to be ready: it is exited/,
    );
  });

  it('waits until an app says that it is ready', async () => {
    const image = 'example.com/exits/notifies';
    const wait = 'until test -e /go; do sleep 0.1; done';
    await pods.add({
      name: image,
      app: { exec: ['/bin/sh', '-c', `${wait}; /bin/notify --ready; exec sleep 300`] },
      manifest: { annotations: [NOTIFY_ANNOTATION] },
      prepare: addNotifier,
    });
    await prepare('notifies', image, '---', NAME, '--exec=/bin/sleep', '--', '300');
    const pod = start('notifies');
    while ((await gantry('enter', '--app=exits', 'notifies', '/bin/true')).exitCode !== 0) {}
    const early = await waits('notifies', '1s');
    await gantry('enter', '--app=notifies', 'notifies', '/bin/touch', '/go');
    const late = await waits('notifies');
    await gantry('stop', 'notifies');
    await pod.ended;

    expect(early).toMatchObject({ exitCode: 254 });
    expect(early.stderr).toMatch(/cannot wait longer for pod \S+: it is running/);
    expect(late.exitCode).toBe(0);
  });

  it('fails when the pod ends before it is ready', async () => {
    await prepare('fails', NAME, '--exec=/bin/no-such-program');
    const waiting = waits('fails');
    await start('fails').ended;
    const { exitCode, stderr } = await waiting;

    expect(exitCode).toBe(254);
    expect(stderr).toMatch(/cannot wait for pod \S+ to be ready: it is exited/);
  });

  it('takes a fly pod for ready when it runs', async () => {
    await prepare('fly', '--stage1-name=fly', NAME, '--exec=/bin/sleep', '--', '300');
    const waiting = waits('fly');
    const pod = start('fly');

    expect((await waiting).exitCode).toBe(0);
    await gantry('stop', 'fly');
    await pod.ended;
  });

  it('is not to be had together with --wait', async () => {
    expect((await gantry('status', '--wait', '--wait-ready', 'x')).stderr).toContain(
      'flags --wait and --wait-ready exclude each other',
    );
  });
});
