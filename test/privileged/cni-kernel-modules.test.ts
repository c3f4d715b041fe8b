import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nodeExec } from '#base/exec/node-exec';
import { inNetns } from '#cni';
import { addressOf, type CniHost, createCniHost } from '../helpers/cni-host.ts';
import { fetchFrom, NETWORK_ENV, run, runIn, serveIn } from '../helpers/network-host.ts';
import { requires } from '../helpers/requires.ts';

// What the plugins do with parts of the kernel that not every kernel has.

const HERE = '/proc/self/ns/net';

let host: CniHost;

describe.runIf(requires('root', 'netns', 'mount-namespace', 'cni-plugins'))(
  'cni with real plugins, by what the kernel has',
  () => {
    beforeAll(() => {
      host = createCniHost();
    });
    afterEach(async () => {
      await host.removeContainers();
    });
    afterAll(() => {
      host[Symbol.dispose]();
    });

    it.runIf(requires('8021q'))('vlan gives a pod an interface with a tag', async () => {
      const netns = host.container('tagged');
      run('ip', 'link', 'add', 'cni-trunk', 'type', 'veth', 'peer', 'name', 'cni-switch');
      run('ip', 'link', 'set', 'cni-trunk', 'up');
      run('ip', 'link', 'set', 'cni-switch', 'up');
      run('ip', 'link', 'add', 'cni-tag7', 'link', 'cni-switch', 'type', 'vlan', 'id', '7');
      run('ip', 'addr', 'add', '10.81.0.1/24', 'dev', 'cni-tag7');
      run('ip', 'link', 'set', 'cni-tag7', 'up');
      const ipam = { type: 'static', addresses: [{ address: '10.81.0.9/24' }] };
      const plugin = { type: 'vlan', master: 'cni-trunk', vlanId: 7, ipam };
      await host.cni.attach({
        network: host.network('tagged', [plugin]),
        parameters: host.parametersOf('tagged', 'net1'),
      });

      expect(runIn(netns, 'ip', '-d', 'link', 'show', 'net1')).toContain(
        'vlan protocol 802.1Q id 7',
      );
      using _running = await serveIn(HERE, 8081, 'hello');
      expect(fetchFrom(netns, '10.81.0.1', 8081)).toBe('hello');
      expect(await host.cni.check(host.parametersOf('tagged', 'net1'))).toBe('good');

      await host.cni.detach(host.parametersOf('tagged', 'net1'));
      expect(runIn(netns, 'ip', '-br', 'link')).not.toContain('net1');
    });

    it.runIf(requires('vrf'))(
      'vrf puts the interface of a pod into a table of its own',
      async () => {
        const netns = host.container('blue');
        const ipam = { type: 'static', addresses: [{ address: '10.82.0.9/24' }] };
        const network = host.network('blue', [
          { type: 'bridge', bridge: 'cni-blue', ipam },
          { type: 'vrf', vrfname: 'blue', table: 1042 },
        ]);
        const attachment = await host.cni.attach({
          network,
          parameters: host.parametersOf('blue'),
        });

        expect(runIn(netns, 'ip', '-br', 'link', 'show', 'vrf', 'blue')).toContain('eth0');
        expect(runIn(netns, 'ip', 'route', 'show', 'table', '1042')).toContain(
          addressOf(attachment),
        );
        // No CHECK: bridge and ptp look for their routes in the main table alone, where vrf leaves none.

        await host.cni.detach(host.parametersOf('blue'));
        expect(runIn(netns, 'ip', '-br', 'link')).not.toMatch(/eth0|blue/);
      },
    );

    describe('a forwarded port of SCTP', () => {
      const attach = async (): Promise<string> => {
        const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };
        const portMappings = [{ hostPort: 8083, containerPort: 80, protocol: 'sctp' as const }];
        const netns = host.container('streams');
        await host.cni.attach({
          network: host.network('streams', [host.ptp('streams', '10.83.0.0/24'), portmap]),
          parameters: host.parametersOf('streams', 'eth0', { capabilityArgs: { portMappings } }),
        });
        return netns;
      };

      it('is a rule for that protocol alone, and goes with the pod', async () => {
        await attach();
        expect(host.rulesOf('streams').join('\n')).toMatch(/-p sctp .*8083/);
        expect(host.rulesOf('streams').join('\n')).not.toMatch(/-p (?:tcp|udp)/);

        await host.cni.detach(host.parametersOf('streams'));
        expect(host.rulesOf('streams')).toEqual([]);
      });

      it.runIf(requires('sctp'))('carries what a server in the pod says', async () => {
        const netns = await attach();
        using _server = await serveSctp(netns, 'hello');

        expect(runIn(HERE, 'socat', '-u', '-T5', 'SCTP:10.83.0.1:8083', '-')).toBe('hello');
      });
    });
  },
);

/** Starts an SCTP server at port 80 of a network namespace that says one word to all who come. */
async function serveSctp(netns: string, word: string): Promise<Disposable> {
  const listen = 'SCTP-LISTEN:80,fork,reuseaddr';
  const server = inNetns(linuxKernel, netns, () =>
    nodeExec.stream({ argv: ['socat', '-U', listen, `SYSTEM:printf ${word}`], env: NETWORK_ENV }),
  );
  while (!runIn(netns, 'cat', '/proc/self/net/sctp/eps').includes(' 80 ')) await sleep(50);

  return { [Symbol.dispose]: () => server.kill('SIGKILL') };
}
