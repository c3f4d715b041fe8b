import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { inNetns, makeNetns, raiseLoopback, removeNetns } from '#cni';
import { makeImage } from '../test/helpers/image-maker.ts';
import {
  enterNetworkHost,
  fetchFrom,
  NETWORK_ENV,
  run,
  runIn,
} from '../test/helpers/network-host.ts';
import { networkTraces } from '../test/helpers/network-traces.ts';
import type { BenchContext } from './context.ts';
import { compare, ENVIRONMENT, median, time, type TimedCommand } from './measure.ts';
import { type Podman, preparePodman } from './podman.ts';
import { ms, type Row } from './row.ts';
import { rootfsTar } from './start.ts';
import { type BenchStore, prepareStore } from './store.ts';

const NAME = 'gantry.example/bench/net';
const RUNS = 15;
/** Bytes that go through a forwarded port. */
const AMOUNT = 100_000_000;

/**
 * What a network costs: a whole pod on the default one, setting one up beside
 * the plugins' own work, and what goes through a forwarded port. On a host of
 * its own, so that nothing is left on the real one.
 */
export async function* measureNetwork(context: BenchContext): AsyncGenerator<Row> {
  using _host = enterNetworkHost();
  const { work } = context;
  const store = await prepareStore(context);
  const image = await makeImage(work, { name: NAME });
  await store.key.signDetached(image, `${image}.asc`);
  await store.run('fetch', image);
  using podman = await preparePodman(join(work, 'podman'), await rootfsTar(image, work));

  yield await defaultNetwork(store, podman);
  yield await setup(store);
  yield await throughput(store, podman);
}

async function defaultNetwork(store: BenchStore, podman: Podman): Promise<Row> {
  const ours = { ...store.command('run', '--net=default', NAME), before: untilReleased };
  const {
    ours: mine,
    theirs,
    ratio,
  } = await compare(ours, podman.run('bridge', '/bin/true'), RUNS);

  return {
    what: 'run nspawn on its default network : podman on its',
    ours: ms(mine),
    theirs: ms(theirs),
    value: ratio,
    unit: '×',
    must: 1,
    reach: 0.6,
  };
}

/** What a network with a forwarded port adds to a pod, against the same plugins called by hand. */
async function setup(store: BenchStore): Promise<Row> {
  const alone: TimedCommand = store.command('run', '--net=none', NAME);
  const joined: TimedCommand = {
    ...store.command('run', '--net=default', '--port=18080:80/tcp', NAME),
    before: untilReleased,
  };
  for (const command of [alone, joined]) await time(command);
  const triples: (readonly [ours: number, theirs: number])[] = [];
  for (let count = 0; count < RUNS; count += 1) {
    const base = await time(alone);
    const whole = await time(joined);
    triples.push([whole - base, await pluginsByHand(`by-hand-${count}`)]);
  }

  return {
    what: 'setting up a network with a port : its plugins by hand',
    ours: ms(median(triples.map(([ours]) => ours))),
    theirs: ms(median(triples.map(([, theirs]) => theirs))),
    value: median(triples.map(([ours, theirs]) => ours / theirs)),
    unit: '×',
    must: 1.2,
    reach: 1,
  };
}

/** Milliseconds of ptp with host-local, and portmap. */
async function pluginsByHand(id: string): Promise<number> {
  await untilReleased();
  const path = `/run/gantry-bench/${id}`;
  makeNetns(linuxKernel, { path });
  const call = async (plugin: string, command: string, config: object): Promise<Buffer> => {
    const result = await nodeExec.run({
      argv: [`/usr/lib/cni/${plugin}`],
      env: {
        ...NETWORK_ENV,
        CNI_COMMAND: command,
        CNI_CONTAINERID: id,
        CNI_NETNS: path,
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/usr/lib/cni',
      },
      input: JSON.stringify({ cniVersion: '1.0.0', name: 'by-hand', ...config }),
    });
    return demandSuccess(result, `call ${plugin}`).stdout;
  };
  const ptp = {
    type: 'ptp',
    ipMasq: true,
    ipam: { type: 'host-local', subnet: '172.16.29.0/24', routes: [{ dst: '0.0.0.0/0' }] },
  };
  const portMappings = [{ hostPort: 18_081, containerPort: 80, protocol: 'tcp' }];
  const portmap = { type: 'portmap', snat: true, runtimeConfig: { portMappings } };

  const started = performance.now();
  const prevResult: unknown = JSON.parse((await call('ptp', 'ADD', ptp)).toString());
  await call('portmap', 'ADD', { ...portmap, prevResult });
  const duration = performance.now() - started;
  await call('portmap', 'DEL', portmap);
  await call('ptp', 'DEL', ptp);
  removeNetns(linuxKernel, { path });

  return duration;
}

/** It lives no longer than its standard input, so that nothing of it outlives a measurement that is cut short. */
const SERVER = ['-c', `nc -ll -p 80 -e head -c ${AMOUNT} /dev/zero & exec cat`];

async function throughput(store: BenchStore, podman: Podman): Promise<Row> {
  const client = connectClient();
  const ports = ['--net=default', '--port=18080:80/tcp'];
  const servers = [
    store.command('run', '--interactive', ...ports, NAME, '--exec=/bin/sh', '--', ...SERVER),
    podman.serve('18081:80', '/bin/sh', ...SERVER),
  ].map(({ argv, env = ENVIRONMENT }) => nodeExec.stream({ argv, env }));
  try {
    for (const port of [18_080, 18_081]) await untilServed(client, port);
    const read = (port: number): TimedCommand => ({
      argv: [
        'nsenter',
        `--net=${client}`,
        'bash',
        '-c',
        `exec 3<>/dev/tcp/10.99.0.1/${port} && [ "$(cat <&3 | wc -c)" = ${AMOUNT} ]`,
      ],
    });
    const { ours, theirs, ratio } = await compare(read(18_080), read(18_081), 21);
    return {
      what: `${AMOUNT / 1e6} MB of TCP through a forwarded port : podman`,
      ours: ms(ours),
      theirs: ms(theirs),
      value: ratio,
      unit: '×',
      must: 1.05,
      reach: 1,
    };
  } finally {
    for (const server of servers) server.stdin.end();
    await Promise.all(servers.map(({ ended }) => ended));
    await untilReleased();
    removeNetns(linuxKernel, { path: client });
  }
}

function connectClient(): string {
  const path = '/run/gantry-bench/client';
  makeNetns(linuxKernel, { path });
  raiseLoopback(linuxKernel, path);
  run('ip', 'link', 'add', 'to-client', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', path);
  run('ip', 'addr', 'add', '10.99.0.1/24', 'dev', 'to-client');
  run('ip', 'link', 'set', 'to-client', 'up');
  runIn(path, 'ip', 'addr', 'add', '10.99.0.2/24', 'dev', 'eth0');
  inNetns(linuxKernel, path, () => linuxKernel.raiseInterface('eth0'));

  return path;
}

async function untilServed(client: string, port: number): Promise<void> {
  const script = `exec 3<>/dev/tcp/10.99.0.1/${port} && head -c 1 <&3 | wc -c`;
  for (let tries = 0; tries < 100; tries += 1) {
    const result = inNetns(linuxKernel, client, () =>
      nodeExec.runSync({ argv: ['timeout', '2', 'bash', '-c', script], env: NETWORK_ENV }),
    );
    if (result.stdout.toString().trim() === '1') return;
    await sleep(100);
  }
  throw new Error(`nobody serves on ${port}: ${fetchFrom(client, '10.99.0.1', port).slice(0, 20)}`);
}

/** What the pods before have held is given back beside the next run unless it is waited for. */
async function untilReleased(): Promise<void> {
  for (let tries = 0; tries < 500 && networkTraces('default').length > 0; tries += 1)
    await sleep(10);
}
