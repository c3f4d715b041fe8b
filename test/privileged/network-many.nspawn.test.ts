import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import { joinNetworks, parseNetArgument, type PodNetworkHost, releaseNetwork } from '#pod-network';
import { createNetworkPods, type NetworkPods } from '../helpers/network-pods.ts';
import { until } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const TIME_LIMIT = 300_000;

let net: NetworkPods;

async function addressOf(flags: readonly string[]): Promise<string> {
  const { stdout, stderr } = await net.shell(flags, 'ip -o -4 addr show eth0');
  const address = / inet ([\d.]+)\//.exec(stdout.toString())?.[1];
  if (address === undefined) throw new Error(`no address: ${stderr}`);

  return address;
}

/** Does something so many times, a few at once; gives all results. */
async function inLanes<Result>(
  count: number,
  lanes: number,
  action: (index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      results.push(await action(next));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));

  return results;
}

describe.runIf(
  requires('root', 'netns', 'mount-namespace', 'cni-plugins', 'nspawn', 'overlay', 'busybox'),
)('many nspawn pods', () => {
  beforeAll(async () => {
    net = await createNetworkPods();
    net.configure('10-small.conf', {
      cniVersion: '1.0.0',
      name: 'small',
      type: 'ptp',
      ipam: { type: 'host-local', subnet: '10.85.0.0/29' },
    });
    net.configure('20-large.conf', {
      cniVersion: '1.0.0',
      name: 'large',
      type: 'ptp',
      ipam: { type: 'host-local', subnet: '10.86.0.0/24' },
    });
  });
  afterAll(async () => {
    await net[Symbol.asyncDispose]();
  });

  it('have an address each, 20 at once', { timeout: TIME_LIMIT }, async () => {
    const addresses = await inLanes(20, 20, () => addressOf(['--net=default']));

    expect(new Set(addresses).size).toBe(20);
    await until('nothing is left', () => net.traces().length === 0, 60_000);
  });

  it('share 5 addresses, 10 without a gc', { timeout: TIME_LIMIT }, async () => {
    const addresses = await inLanes(10, 4, () => addressOf(['--net=small']));

    expect(addresses).toHaveLength(10);
    await until('nothing is left', () => net.traces().length === 0, 60_000);
  });

  /** What the network of a pod is, without what runs in it: a whole pod each would take minutes. */
  it('share a /24, the networks of 300 one after another', { timeout: TIME_LIMIT }, async () => {
    const { dataDir, localConfig } = net.pods.context;
    const gantry = net.pods.context.argv();
    const addresses = await inLanes(300, 4, async (index) => {
      const uuid = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
      const podDir = join(dataDir, 'pods', 'run', uuid);
      mkdirSync(podDir, { recursive: true });
      const host: PodNetworkHost = {
        kernel: linuxKernel,
        exec: nodeExec,
        log: nullLog,
        uuid,
        podDir,
        stage1Root: '/nowhere',
        config: { local: localConfig },
        gantry,
      };
      const wanted = parseNetArgument('large');
      if (wanted.kind !== 'cni') throw new Error('not a network');
      const { networks } = await joinNetworks(host, { wanted, ports: [], names: [uuid] });
      expect(await releaseNetwork(host)).toEqual([]);
      return networks[0]?.ip;
    });

    expect(addresses.filter((address) => address?.startsWith('10.86.0.'))).toHaveLength(300);
    expect(net.traces()).toEqual([]);
  });
});
