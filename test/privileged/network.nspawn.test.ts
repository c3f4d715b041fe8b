import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NETWORK_ENV, runIn, serveIn } from '../helpers/network-host.ts';
import { createNetworkPods, NAME, type NetworkPods } from '../helpers/network-pods.ts';
import { until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const HERE = '/proc/thread-self/ns/net';
const SLEEP = [NAME, '--exec=/bin/sh', '--', '-c', 'echo ready; exec sleep 300'];

let net: NetworkPods;
let server: string;

async function untilNothingIsLeft(): Promise<void> {
  let left: readonly string[] = [];
  await until('pods leave no trace', () => (left = net.traces()).length === 0, 30_000).catch(
    () => undefined,
  );
  expect(left).toEqual([]);
}

/** Whether a pod reaches a TCP server. */
async function reached(flags: readonly string[], address: string): Promise<boolean> {
  const { stdout } = await net.shell(flags, `nc -w 2 ${address} 80 </dev/null`);

  return stdout.toString() === 'served';
}

describe.runIf(
  requires('root', 'netns', 'mount-namespace', 'cni-plugins', 'nspawn', 'overlay', 'busybox'),
)('networks of nspawn pods', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
    server = net.outside('server', '10.90.0.0/24');
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it('join the default network, which leads everywhere, and leave no trace', async () => {
    using _far = await serveIn(server, 80, 'served');
    using _near = await serveIn(HERE, 80, 'served');
    const script = [
      'ip -o -4 addr show eth0; ip -o link show lo; ip route; ls /sys/class/net',
      'nc -w 2 172.16.28.1 80 </dev/null; nc -w 2 10.90.0.2 80 </dev/null',
    ].join('; ');
    const { stdout, exitCode, stderr } = await net.shell(['--net'], script);
    const text = stdout.toString();

    expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('cannot')]);
    expect(text).toMatch(/inet 172\.16\.28\.\d+\/24/);
    expect(text).toMatch(/lo: <LOOPBACK,UP/);
    expect(text).toContain('default via 172.16.28.1');
    expect(text).toContain('\neth0\nlo\n');
    expect(text).toMatch(/servedserved$/);
    await untilNothingIsLeft();
  });

  it('are the default one when nothing is said', async () => {
    const { stdout } = await nodeExec.run({
      argv: [
        ...net.pods.context.argv(),
        'run',
        '--insecure-options=image',
        '--interactive',
        NAME,
        '--exec=/bin/sh',
        '--',
        '-c',
        'ip addr',
      ],
      env: NETWORK_ENV,
      timeoutMs: 30_000,
    });

    expect(stdout.toString()).toMatch(/inet 172\.16\.28\.\d+\/24/);
  });

  it('are shown while a pod runs, and after', async () => {
    const pod = await net.pods.start(['--net=default,default-restricted', ...SLEEP]);
    const networks = [
      { netName: 'default-restricted', ifName: 'eth0', mask: '255.255.0.0' },
      {
        netName: 'default',
        netConf: expect.stringContaining('99-default.conflist'),
        pluginPath: '/usr/lib/cni/ptp',
        ifName: 'eth1',
        args: '',
        mask: '255.255.255.0',
        gateway: '172.16.28.1',
        mac: expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
      },
    ];
    const shown = /default-restricted:ip4=172\.31\.\d+\.\d+, default:ip4=172\.16\.28\.\d+/;

    expect(await net.gantry('list', '--no-legend')).toMatch(shown);
    expect(await net.gantry('status', pod.uuid)).toMatch(
      new RegExp(`^networks=${shown.source}$`, 'm'),
    );
    const json: unknown = JSON.parse(await net.gantry('status', '--format=json', pod.uuid));
    expect(json).toMatchObject({ networks });
    expect(JSON.parse(await net.gantry('inspect', pod.uuid))).toMatchObject({
      networks,
      netns: `/run/gantry/netns/${pod.uuid}`,
    });
    expect(existsSync(`/run/gantry/netns/${pod.uuid}`)).toBe(true);
    await net.gantry('stop', pod.uuid);
    await pod.program.ended;
    expect(await net.gantry('status', pod.uuid)).toMatch(shown);
    await untilNothingIsLeft();
    expect(JSON.parse(await net.gantry('inspect', pod.uuid))).not.toHaveProperty('netns');
  });

  it('do not lead out of the restricted one, but to the host', async () => {
    using _far = await serveIn(server, 80, 'served');
    using _near = await serveIn(HERE, 80, 'served');

    expect(await reached(['--net=default-restricted'], '172.31.0.1')).toBe(true);
    expect(await reached(['--net=default-restricted'], '10.90.0.2')).toBe(false);
    await untilNothingIsLeft();
  });

  it('are several in one pod, in the order of their files, with arguments and all families', async () => {
    net.configure('20-dual.conflist', {
      cniVersion: '1.0.0',
      name: 'dual',
      plugins: [
        {
          type: 'bridge',
          bridge: 'dual0',
          isGateway: true,
          ipam: {
            type: 'host-local',
            ranges: [[{ subnet: '10.91.0.0/24' }], [{ subnet: 'fd91::/64' }]],
          },
        },
      ],
    });
    net.configure('10-rkt.conf', {
      name: 'rkt',
      type: 'bridge',
      bridge: 'rkt0',
      ipam: { type: 'host-local', subnet: '10.92.0.0/24' },
    });
    const flag = '--net=dual,default,rkt:IP=10.92.0.77';
    const pod = await net.pods.start([flag, ...SLEEP]);
    const netns = `/run/gantry/netns/${pod.uuid}`;

    expect(runIn(netns, 'ip', '-br', 'addr', 'show', 'eth0')).toContain('10.92.0.77/24');
    expect(runIn(netns, 'ip', '-br', 'addr', 'show', 'eth1')).toMatch(
      /10\.91\.0\.2\/24 .*fd91::2\/64/,
    );
    expect(runIn(netns, 'ip', '-br', 'addr', 'show', 'eth2')).toContain('172.16.28.');
    expect(await net.gantry('status', pod.uuid)).toMatch(
      /^networks=rkt:ip4=10\.92\.0\.77, dual:ip4=10\.91\.0\.2,ip6=fd91::2, default:ip4=172\.16\.28\.\d+$/m,
    );
    await net.gantry('stop', '--force', pod.uuid);
    await pod.program.ended;
    for (const link of ['dual0', 'rkt0']) runIn(HERE, 'ip', 'link', 'del', link);
    await untilNothingIsLeft();
  });

  it('are all that are configured, with all', async () => {
    const { stdout } = await net.shell(['--net=all'], 'ls /sys/class/net');

    expect(stdout.toString()).toBe('eth0\neth1\neth2\neth3\nlo\n');
    for (const file of ['10-rkt.conf', '20-dual.conflist']) net.removeConfig(file);
    for (const link of ['dual0', 'rkt0']) runIn(HERE, 'ip', 'link', 'del', link);
    await untilNothingIsLeft();
  });

  it('may be others under the names of those built in', async () => {
    net.configure('99-mine.conflist', {
      cniVersion: '1.0.0',
      name: 'default',
      plugins: [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.93.0.0/24' } }],
    });
    const { stdout } = await net.shell(['--net'], 'ip -o -4 addr show eth0');
    net.removeConfig('99-mine.conflist');

    expect(stdout.toString()).toContain('10.93.0.2/24');
    await untilNothingIsLeft();
  });

  it('are refused by name when they are not there', async () => {
    const { stderr, exitCode } = await net.shell(['--net=nowhere,default,never'], 'echo ran');

    expect(exitCode).toBe(254);
    expect(stderr).toMatch(
      /networks not found: "nowhere", "never"\nhint: configured are default-restricted, default, /,
    );
    expect(net.traces()).toEqual([]);
  });

  it('are left when the pod is killed, by whoever notices', async () => {
    const pod = await net.pods.start(['--net=default', ...SLEEP]);
    const ppid = readFileSync(join(pod.dir, 'ppid'), 'utf8').trim();
    expect(net.reserved('default')).toHaveLength(1);
    process.kill(Number(ppid), 'SIGKILL');
    await pod.program.ended;

    await untilNothingIsLeft();
    expect(existsSync(join(pod.dir, 'released'))).toBe(true);
  });
});
