import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import {
  cgroupsOf,
  commandLine,
  createNspawnPods,
  type NspawnPods,
  processesOf,
  type StartedPod,
  until,
  waiterOf,
} from '../helpers/nspawn-pods.ts';
import { onTerminal } from '../helpers/on-terminal.ts';
import { addNotifier, NOTIFY_ANNOTATION } from '../helpers/notifier.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/lifecycle';
const SLEEPER = [NAME, '--exec=/bin/sh', '--', '-c', 'echo ready; sleep 300 & wait'];
const DEADLY = ['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const;
const IGNORED = ['HUP', 'QUIT', 'USR1', 'USR2', 'ALRM', 'PROF', 'IO', 'PWR', 'RTMIN+1'] as const;

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('nspawn lifecycle', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  /** That nothing of a pod is left anywhere: no process, no cgroup, no waiter. */
  async function expectGone({ uuid, dir }: StartedPod): Promise<void> {
    await until(`pod ${uuid} is released`, () => cgroupsOf(uuid).length === 0);
    await until('the waiter has gone', () => waiterOf(dir) === undefined);
  }

  it.each(DEADLY)('ends the whole pod when nspawn dies of %s', async (signal) => {
    const pod = await pods.start(SLEEPER);
    expect(processesOf(pod.uuid).length).toBeGreaterThan(3);
    const before = processesOf(pod.uuid);
    pod.program.kill(signal);

    expect((await pod.program.ended).signal).toBe(signal);
    await expectGone(pod);
    // One that nobody has waited for yet has no command line any more.
    for (const pid of before) expect(commandLine(pid).join('')).toBe('');
  });

  it('lives on when nspawn gets any other signal', async () => {
    const pod = await pods.start(SLEEPER);
    for (const signal of IGNORED) {
      const kill = ['/bin/bash', '-c', `kill -${signal} ${pod.program.pid}`] as const;
      demandSuccess(await nodeExec.run({ argv: kill, env: {} }), `send ${signal}`);
      expect((await pods.context.gantry(['enter', pod.uuid, '/bin/true'])).exitCode).toBe(0);
    }
    pod.program.kill('SIGTERM');

    expect((await pod.program.ended).exitCode).toBe(0);
    await expectGone(pod);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends in order when nspawn gets %s', async (signal) => {
    const script = 'trap "echo in order; exit 0" TERM; echo ready; sleep 300 & wait';
    const pod = await pods.start([NAME, '--exec=/bin/sh', '--', '-c', script]);
    let said = '';
    pod.program.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    pod.program.kill(signal);

    expect((await pod.program.ended).exitCode).toBe(0);
    expect(said).toContain('in order');
    await expectGone(pod);
  });

  it('ends at once when it is asked a second time', async () => {
    const script = 'trap : TERM; echo ready; while :; do sleep 1; done';
    const pod = await pods.start([NAME, '--exec=/bin/sh', '--', '-c', script]);
    pod.program.kill('SIGTERM');
    await new Promise((resolve) => void setTimeout(resolve, 300));
    const started = performance.now();
    pod.program.kill('SIGTERM');
    await pod.program.ended;

    expect(performance.now() - started).toBeLessThan(3000);
    await expectGone(pod);
  });

  it.each([
    ['in order', []],
    ['by force', ['--force']],
  ])('is stopped %s by the command', async (_how, flags) => {
    const pod = await pods.start(SLEEPER);
    const { exitCode } = await pods.context.gantry(['stop', ...flags, pod.uuid]);

    expect(exitCode).toBe(0);
    await pod.program.ended;
    const status = (await pods.context.gantry(['status', pod.uuid])).stdout.toString();
    expect(status).toContain(`app-lifecycle=${flags.length === 0 ? 143 : 'unknown'}\n`);
    await expectGone(pod);
  });

  it('is stopped at once where shells on terminals take no notice, and others end in order', async () => {
    const shell = ['--stdin=tty', '--stdout=tty', '--stderr=tty', '--exec=/bin/sh'];
    const orderly = 'trap "echo in; sleep 0.3; echo order; exit" TERM; while :; do sleep 0.1; done';
    const first = [NAME, '--name=shell', ...shell, '--', '-c', 'echo ready; exec /bin/sh'];
    const second = [NAME, '--name=orderly', ...shell, '--', '-c', orderly];
    const pod = await pods.start([...first, '---', ...second]);
    const argv = pods.context.argv('enter', '--app=shell', pod.uuid, '/bin/sh');
    const entered = onTerminal(argv);
    await until('the shell that entered asks', () => entered.shown().includes('# '));
    const started = performance.now();
    const { exitCode } = await pods.context.gantry(['stop', pod.uuid]);

    expect(exitCode).toBe(0);
    expect(performance.now() - started).toBeLessThan(30_000);
    expect((await pod.program.ended).exitCode).toBe(0);
    const logs = await pods.context.gantry(['logs', '--app=orderly', pod.uuid]);
    expect(logs.stdout.toString()).toMatch(/in\norder\n$/);
    await entered.ended;
    await expectGone(pod);
  });

  it('has the lock held by nspawn, and a waiter that is no part of the pod', async () => {
    const pod = await pods.start(SLEEPER);
    const waiter = waiterOf(pod.dir) ?? 0;
    const inPod = processesOf(pod.uuid);
    const descriptors = readdirSync(`/proc/${waiter}/fd`).map((fd) =>
      readlinkSync(`/proc/${waiter}/fd/${fd}`),
    );

    expect(descriptors.toSorted()).toEqual([
      '/dev/null',
      '/dev/null',
      '/dev/null',
      pod.dir,
      'anon_inode:[fanotify]',
    ]);
    expect(inPod).not.toContain(waiter);
    expect(readlinkSync(`/proc/${waiter}/ns/mnt`)).toBe(readlinkSync('/proc/self/ns/mnt'));
    const [, ppid, , session] = readFileSync(`/proc/${waiter}/stat`, 'utf8')
      .split(') ')[1]!
      .split(' ');
    expect(ppid).not.toBe(String(pod.program.pid));
    expect(session).not.toBe(readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')[3]);
    pod.program.kill('SIGKILL');
    await pod.program.ended;
    await expectGone(pod);
  });

  it('starts and is released wherever the caller looks for programs', async () => {
    const pod = await pods.start(SLEEPER, { env: { PATH: '/nonexistent' } });
    pod.program.kill('SIGKILL');
    await pod.program.ended;

    await expectGone(pod);
  });

  it('enters an app as root, in its root, with its environment', async () => {
    const pod = await pods.start(SLEEPER);
    const script = 'id -u; pwd; echo $AC_APP_NAME; cat /proc/1/comm; exit 9';
    const { stdout, exitCode } = await pods.context.gantry([
      'enter',
      pod.uuid,
      '/bin/sh',
      '-c',
      script,
    ]);

    expect(stdout.toString()).toBe('0\n/\nlifecycle\nsystemd\n');
    expect(exitCode).toBe(9);
    pod.program.kill('SIGTERM');
    await pod.program.ended;
  });

  describe('to the service manager', () => {
    const NOTIFIES = 'example.com/notifies';
    beforeAll(async () => {
      await pods.add({
        name: NOTIFIES,
        app: { exec: ['/bin/sh', '-c', 'sleep 1; /bin/notify --ready; echo ready; sleep 300'] },
        manifest: { annotations: [NOTIFY_ANNOTATION] },
        prepare: addNotifier,
      });
    });

    it('tells when every app is ready', async () => {
      const listener = await listen(pods.context.workDir);
      const pod = await pods.start([NOTIFIES], { env: listener.env });

      await until('readiness is told', () => listener.heard().includes('READY=1'));
      pod.program.kill('SIGTERM');
      await pod.program.ended;
      listener.end();
    });

    it.each([
      ['fails before it is', ['--exec=/bin/sh', '--', '-c', 'exit 6'], 6],
      ['ends before it is', ['--exec=/bin/sh', '--', '-c', 'exit 0'], 1],
      ['is not there', ['--exec=/bin/no-such-program'], 127],
    ])('tells nothing when an app %s', async (_what, args, status) => {
      const listener = await listen(pods.context.workDir);
      const { exitCode } = await pods.run([NOTIFIES, ...args], { env: listener.env });
      await until('the end is told', () => listener.heard().includes('STOPPING=1'));
      listener.end();

      expect(exitCode).toBe(status);
      expect(listener.heard()).not.toContain('READY=1');
    });

    it('tells nothing when the pod is stopped before', async () => {
      const listener = await listen(pods.context.workDir);
      const waits = ['--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];
      const pod = await pods.start([NOTIFIES, ...waits], { env: listener.env });
      pod.program.kill('SIGTERM');
      await pod.program.ended;
      await until('the end is told', () => listener.heard().includes('STOPPING=1'));
      listener.end();

      expect(listener.heard()).not.toContain('READY=1');
    });

    it('tells late of an app that is ready at a later attempt', async () => {
      const listener = await listen(pods.context.workDir);
      const script = 'test -e /again || { touch /again; exit 3; }; notify --ready; sleep 300';
      const again = ['--restart=on-failure', '--exec=/bin/sh', '--', '-c', `echo ready; ${script}`];
      const pod = await pods.start([NOTIFIES, ...again], { env: listener.env });

      await until('readiness is told', () => listener.heard().includes('READY=1'));
      pod.program.kill('SIGTERM');
      await pod.program.ended;
      listener.end();
    });
  });
});

interface Listener {
  /** For who is to be heard. */
  readonly env: Readonly<Record<string, string>>;
  heard(): string;
  end(): void;
}

/** Plays the service manager. */
async function listen(folder: string): Promise<Listener> {
  const socket = join(folder, `notify-${Math.random()}`);
  const program = nodeExec.stream({
    argv: ['perl', '-MIO::Socket::UNIX', '-e', LISTENER, socket],
    env: { PATH: '/usr/bin:/bin' },
    timeoutMs: 60_000,
  });
  let heard = '';
  program.stdout.on('data', (chunk: Buffer) => {
    heard += chunk.toString();
  });
  await until('the listener listens', () => heard.includes('listening'));

  return {
    env: { PATH: '/usr/bin:/bin', NOTIFY_SOCKET: socket },
    heard: () => heard,
    end: () => program.kill(),
  };
}

/** Prints what arrives at a datagram socket. */
const LISTENER = `
  $| = 1;
  my $s = IO::Socket::UNIX->new(Type => 2, Local => $ARGV[0]) or die;
  print "listening\\n";
  while ($s->recv(my $text, 4096)) { print "$text\\n" }
  while (defined($s->recv(my $text, 4096))) { print "$text\\n" }
`;
