import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { placeHostPrograms } from '../helpers/host-programs.ts';
import { fetchFrom, run, runIn, serveIn } from '../helpers/network-host.ts';
import { createNetworkPods, NAME, type NetworkPods } from '../helpers/network-pods.ts';
import { type StartedPod, until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const HERE = '/proc/thread-self/ns/net';
/** A pod whose server on each port says a word and the port. */
const serving = (word: string, ...ports: readonly number[]): readonly string[] => {
  const servers = ports.map((port) => `nc -ll -p ${port} -e echo ${word}${port} &`).join(' ');
  return [NAME, '--exec=/bin/sh', '--', '-c', `${servers} sleep 0.3; echo ready; exec sleep 300`];
};

/** A server of UDP on port 53; numbers are AF_INET, SOCK_DGRAM and IPPROTO_UDP of Linux. */
const ECHO = String.raw`
socket(my $socket, 2, 2, 17) or die;
bind($socket, pack('S n a4 x8', 2, 53, "\0" x 4)) or die;
while (my $from = recv($socket, my $text, 100, 0)) { send($socket, "echo $text", 0, $from) }
`;

let net: NetworkPods;
let client: string;
let pods: StartedPod[] = [];

async function start(...args: readonly string[]): Promise<StartedPod> {
  const pod = await net.pods.start(args);
  pods.push(pod);
  return pod;
}

async function stopAll(): Promise<void> {
  for (const { uuid, program } of pods) {
    await net.pods.context.gantry(['stop', '--force', uuid]);
    await program.ended;
  }
  pods = [];
  await until('nothing is left', () => net.traces().length === 0, 30_000);
}

/** What comes back of a word that is sent to port 5300 of UDP. */
function echoed(netns: string, address: string): string {
  const script = `exec 3<>/dev/udp/${address}/5300; printf hi >&3; timeout 1 head -c 7 <&3 || true`;

  return runIn(netns, 'bash', '-c', script);
}

async function refusal(...args: readonly string[]): Promise<string> {
  const { exitCode, stderr } = await net.pods.run([...args, NAME, '--exec=/bin/true']);
  expect([exitCode, stderr]).toEqual([254, expect.any(String)]);
  return stderr;
}

describe.runIf(
  requires('root', 'netns', 'mount-namespace', 'cni-plugins', 'nspawn', 'overlay', 'busybox'),
)('forwarded ports of nspawn pods', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
    await net.pods.add({
      name: 'example.com/www',
      app: { ports: [{ name: 'www', protocol: 'tcp', port: 80, count: 2 }] },
      files: { 'echo.pl': ECHO },
      prepare: (rootfs) => placeHostPrograms(rootfs, ['/usr/bin/perl']),
    });
    client = net.outside('client', '10.90.0.0/24');
  });
  afterEach(async () => {
    await stopAll();
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it('lead to the pod from other hosts, this one, and over loopback, whatever is not forwarded', async () => {
    run('iptables', '-P', 'FORWARD', 'DROP');
    await start('--net', '--port=8080-8081:80-81/tcp', ...serving('pod', 80, 81));
    const reached = {
      outside: fetchFrom(client, '10.90.0.1', 8080),
      row: fetchFrom(client, '10.90.0.1', 8081),
      host: fetchFrom(HERE, '10.90.0.1', 8080),
      loopback: fetchFrom(HERE, '127.0.0.1', 8080),
      localhost: fetchFrom(HERE, 'localhost', 8081),
    };
    run('iptables', '-P', 'FORWARD', 'ACCEPT');

    expect(reached).toEqual({
      outside: 'pod80\n',
      row: 'pod81\n',
      host: 'pod80\n',
      loopback: 'pod80\n',
      localhost: 'pod81\n',
    });
  });

  it('let a pod reach out where nothing is forwarded by itself', async () => {
    run('iptables', '-P', 'FORWARD', 'DROP');
    using _far = await serveIn(client, 80, 'served');
    const { stdout } = await net.shell(['--net'], 'nc -w 2 10.90.0.2 80 </dev/null');
    run('iptables', '-P', 'FORWARD', 'ACCEPT');

    expect(stdout.toString()).toBe('served');
  });

  it('let nothing more through of a network that does not masquerade', async () => {
    net.configure('routed.conflist', {
      cniVersion: '1.0.0',
      name: 'routed',
      plugins: [
        {
          type: 'ptp',
          ipam: { type: 'host-local', subnet: '10.93.0.0/24', routes: [{ dst: '0.0.0.0/0' }] },
        },
        { type: 'portmap', capabilities: { portMappings: true }, snat: true },
      ],
    });
    runIn(client, 'ip', 'route', 'replace', '10.93.0.0/24', 'via', '10.90.0.1');
    using _far = await serveIn(client, 80, 'served');
    run('iptables', '-P', 'FORWARD', 'DROP');
    await start('--net=routed', '--port=8080:80/tcp', ...serving('pod', 80));
    const script = 'nc -w 1 10.90.0.2 80 </dev/null';
    const reached = fetchFrom(client, '10.90.0.1', 8080);
    const shut = await net.shell(['--net=routed'], script);
    run('iptables', '-P', 'FORWARD', 'ACCEPT');
    const open = await net.shell(['--net=routed'], script);

    expect(reached).toBe('pod80\n');
    expect([shut, open].map(({ stdout }) => stdout.toString())).toEqual(['', 'served']);
  });

  it('go by the name that the image declares, all of the row, and of UDP, also when prepared', async () => {
    const { stdout } = await net.pods.context.gantry([
      'prepare',
      '--quiet',
      '--insecure-options=image',
      '--port=www:127.0.0.1:8090',
      '--port=5300:53/udp',
      'example.com/www',
      '--exec=/bin/sh',
      '--',
      '-c',
      `perl /echo.pl & ${serving('www', 80, 81).at(-1)}`,
    ]);
    const uuid = stdout.toString().trim();
    const program = net.pods.context.start(['run-prepared', '--insecure-options=image', uuid]);
    pods.push({ uuid, program, dir: '' });

    await until('the pod serves', () => fetchFrom(HERE, '127.0.0.1', 8091) === 'www81\n', 20_000);
    expect(fetchFrom(HERE, '127.0.0.1', 8090)).toBe('www80\n');
    expect(fetchFrom(client, '10.90.0.1', 8090)).not.toBe('www80\n');
    expect(JSON.parse(await net.gantry('cat-manifest', uuid))).toMatchObject({
      ports: [{ name: 'www', hostPort: 8090, hostIP: '127.0.0.1' }, { hostPort: 5300 }],
    });
    for (const [from, to] of [
      [client, '10.90.0.1'],
      [HERE, '127.0.0.1'],
    ] as const) {
      await until('UDP comes back', () => echoed(from, to) === 'echo hi', 20_000);
    }
  });

  it('are another pod’s or a process’s, and that is said', async () => {
    const pod = await start('--net', '--pod-name=web', '--port=8080:80/tcp', ...serving('a', 80));
    expect(await refusal('--net', '--port=8079-8081:1-3/tcp')).toContain(
      `cannot forward port 8079-8081/tcp of the host: pod ${pod.uuid} ("web") has it`,
    );
    expect(await refusal('--net', '--port=127.0.0.1:8080:1/tcp')).toContain(pod.uuid);

    using _server = await serveIn(HERE, 8099, 'x');
    expect(await refusal('--net', '--port=8099:1/tcp')).toMatch(
      /cannot forward port 8099\/tcp of the host: process "\S+" \(\d+\) listens on it/,
    );
    expect(await refusal('--net', '--port=192.0.2.9:8099:1/tcp')).toMatch(
      /warning: port 192\.0\.2\.9:8099\/tcp .* no interface of this host has that address now$[^]*listens on it/m,
    );
    const other = await start('--net', '--port=8099:1/udp', ...serving('b', 80));
    expect(other.uuid).toBeDefined();
  });

  it('are free for the next pod as soon as one has ended', async () => {
    for (let turn = 0; turn < 4; turn += 1) {
      const word = `turn${turn}-`;
      const { uuid, program } = await start('--net', '--port=8080:80/tcp', ...serving(word, 80));
      expect(fetchFrom(client, '10.90.0.1', 8080)).toBe(`${word}80\n`);
      program.kill('SIGKILL');
      await program.ended;
      pods = pods.filter((pod) => pod.uuid !== uuid);
    }
  });

  it('are refused where there is nothing to forward them to', async () => {
    expect(await refusal('--net=none', '--port=8080:80/tcp')).toMatch(
      /with --net=none the pod has/,
    );
    expect(await refusal('--net=host', '--port=8080:80/tcp')).toMatch(/listen on the host itself/);
    expect(await refusal('--net', '--port=www:8080')).toMatch(/no app declares it\nhint: none is/);
    expect(await refusal('--net', '--port=[::1]:8080:80/tcp')).toMatch(
      /the pod has no IPv6 address/,
    );
    net.configure('plain.conf', {
      cniVersion: '1.0.0',
      name: 'plain',
      type: 'ptp',
      ipam: { type: 'host-local', subnet: '10.94.0.0/24' },
    });
    expect(await refusal('--net=plain', '--port=8080:80/tcp')).toMatch(
      /none of the networks "plain" has a plugin that does\nhint: add \{"type": "portmap"/,
    );
  });

  it('are forwarded on IPv6 where the pod has an address', async () => {
    net.configure('dual.conflist', {
      cniVersion: '1.0.0',
      name: 'dual',
      plugins: [
        {
          type: 'ptp',
          ipMasq: true,
          ipam: {
            type: 'host-local',
            ranges: [[{ subnet: '10.95.0.0/24' }], [{ subnet: 'fd95::/64' }]],
            routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
          },
        },
        { type: 'portmap', capabilities: { portMappings: true }, snat: true },
      ],
    });
    run('ip', 'addr', 'replace', 'fd90::1/64', 'dev', 'to-client', 'nodad');
    await start('--net=dual', '--port=[fd90::1]:8080:80/tcp', ...serving('six', 80));

    await expect.poll(() => fetchFrom(HERE, 'fd90::1', 8080), { timeout: 15_000 }).toBe('six80\n');
    expect(fetchFrom(HERE, '10.90.0.1', 8080)).not.toBe('six80\n');
  });
});
