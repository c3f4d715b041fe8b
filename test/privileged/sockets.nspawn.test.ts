import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunningProgram } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import { placeHostPrograms } from '../helpers/host-programs.ts';
import { fetchFrom, NETWORK_ENV, serveIn } from '../helpers/network-host.ts';
import { createNetworkPods, type NetworkPods } from '../helpers/network-pods.ts';
import { until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const HERE = '/proc/thread-self/ns/net';
const LIMIT_MS = 40_000;

/** Says what it was started with, and then its name and the descriptor to all who come; ends when it is told to. */
const SERVER = String.raw`
$| = 1;
my $n = $ENV{LISTEN_FDS} // 0;
my $mine = ($ENV{LISTEN_PID} // 0) == $$ ? 'mine' : 'not mine';
print "$ENV{AC_APP_NAME} has $n $ENV{LISTEN_FDNAMES} $mine\n";
for my $fd (3 .. 2 + $n) {
  next if fork;
  open(my $socket, '+<&=', $fd) or die;
  while (1) {
    if (accept(my $client, $socket)) { syswrite($client, "$ENV{AC_APP_NAME}$fd\n"); close $client; kill 'TERM', getppid if $ENV{ONCE}; }
    else { recv($socket, my $text, 100, 0); print "heard $text on $fd\n"; }
    exit if $ENV{ONCE};
  }
}
$SIG{TERM} = sub { exit 0 };
sleep 300;
`;

const app = (...ports: readonly object[]): object => ({
  exec: ['/usr/bin/perl', '/server.pl'],
  ports,
});
const port = (name: string, protocol: string, number: number): object => ({
  name,
  protocol,
  port: number,
  socketActivated: true,
});

let net: NetworkPods;
let client: string;
let started: RunningProgram[] = [];

const runArgs = (...args: readonly string[]): [string, ...string[]] =>
  net.pods.context.argv('run', '--insecure-options=image', ...args);

/** Starts a program and gathers what it prints. */
function start(...argv: readonly [string, ...string[]]): {
  program: RunningProgram;
  said: () => string;
} {
  const merged = ['sh', '-c', 'exec "$@" 2>&1', 'sh', ...argv] as const;
  const program = nodeExec.stream({ argv: [...merged], env: NETWORK_ENV });
  started.push(program);
  let text = '';
  program.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { program, said: () => text };
}

/** `gantry run ARGS` by a service manager that listens for it, and starts it when somebody comes. */
const activate = (
  listen: readonly string[],
  ...args: readonly string[]
): ReturnType<typeof start> => start('systemd-socket-activate', ...listen, ...runArgs(...args));

/** @param at address and port */
async function answers(netns: string, at: readonly [string, number], word: string): Promise<void> {
  const ask = (): boolean => fetchFrom(netns, ...at) === `${word}\n`;
  await until(`${word} answers at ${at.join(' ')}`, ask, LIMIT_MS);
}

describe.runIf(
  requires('root', 'netns', 'mount-namespace', 'cni-plugins', 'nspawn', 'overlay', 'busybox'),
)('sockets of nspawn pods', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
    client = net.outside('client', '10.90.0.0/24');
    const add = async (name: string, ...ports: readonly object[]): Promise<void> =>
      await net.pods.add({
        name: `example.com/${name}`,
        app: { ...app(...ports) },
        files: { 'server.pl': SERVER },
        prepare: (rootfs) => placeHostPrograms(rootfs, ['/usr/bin/perl']),
      });
    await add('web', port('www', 'tcp', 80), port('log', 'udp', 514));
    await add('web2', { ...port('www', 'tcp', 80), count: 2 });
    await add('ctl', port('ctl', 'tcp', 9090));
    await add('plain');
  });
  afterEach(async () => {
    for (const program of started) program.kill('SIGKILL');
    await Promise.all(started.map(({ ended }) => ended));
    started = [];
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it('are listened on by the pod’s systemd, and end with the app', async () => {
    const pod = start(
      ...runArgs('--net', '--port=www:8080', 'example.com/web', '--environment=ONCE=1'),
    );
    await until('the app is up', () => pod.said().includes('web has'), LIMIT_MS);
    expect(pod.said()).toContain('web has 2 www:log mine');
    // Two come at once; for the second nobody is started again.
    const both = nodeExec.stream({
      argv: ['bash', '-c', 'exec 4<>/dev/tcp/10.90.0.1/8080 3<>/dev/tcp/10.90.0.1/8080 && cat <&4'],
      env: NETWORK_ENV,
    });
    const { exitCode } = await pod.program.ended;
    both.kill('SIGKILL');

    expect(exitCode).toBe(0);
    expect(pod.said().match(/web has/g)).toHaveLength(1);
  });

  it('are the caller’s, each the app’s that declares it', async () => {
    const { said } = activate(
      ['-l', '10.90.0.1:9090', '-l', '[::]:8081', '-l', '[::]:8080', '--fdname=c:v:w'],
      '--net',
      '--port=www:8080',
      'example.com/web2',
      'example.com/ctl',
    );
    await answers(client, ['10.90.0.1', 9090], 'ctl3');
    await answers(client, ['10.90.0.1', 8080], 'web24');
    const told = ['ctl has 1 c mine', 'web2 has 2 v:w mine'];
    await until(
      () => `both have told: ${said()}`,
      () => told.every((each) => said().includes(each)),
      LIMIT_MS,
    );
  });

  it('are all the only app’s, under their numbers, whatever network it has', async () => {
    const path = `${net.host.dir}/socket with space`;
    const { said } = activate(
      ['-l', '127.0.0.1:8091', '-l', path, '-l', '127.0.0.1:8092'],
      '--net=none',
      'example.com/plain',
    );
    await answers(HERE, ['127.0.0.1', 8092], 'plain5');
    await answers(HERE, ['127.0.0.1', 8091], 'plain3');
    const told = 'plain has 3 unknown:unknown:unknown mine';
    await until('it has told', () => said().includes(told), LIMIT_MS);
  });

  it('are refused when it cannot be told whose they are, or another’s', async () => {
    const refusal = async (script: string, ...args: readonly string[]): Promise<string> => {
      const { program, said } = start(
        'bash',
        '-c',
        `${script} LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"`,
        'bash',
        ...runArgs(...args),
      );
      expect((await program.ended).exitCode).toBe(254);
      return said();
    };

    expect(await refusal('exec 3</dev/null;', 'example.com/plain')).toContain(
      'cannot hand descriptor 3 on to an app: it leads to "/dev/null", not to a listening socket',
    );
    const orphan = activate(['-l', '127.0.0.1:8083'], 'example.com/plain', 'example.com/ctl');
    await until('it is there', () => orphan.said().includes('Listening'), LIMIT_MS);
    fetchFrom(HERE, '127.0.0.1', 8083);
    expect((await orphan.program.ended).exitCode).toBe(254);
    expect(orphan.said()).toMatch(/descriptor 3, which listens on 127\.0\.0\.1:8083: none of the/);

    using _server = await serveIn(HERE, 9090, 'x');
    const { stderr } = await net.pods.run(['--net=host', 'example.com/ctl']);
    expect(stderr).toMatch(/cannot listen on port 9090\/tcp of the host: process "\S+" \(\d+\)/);
  });
});
