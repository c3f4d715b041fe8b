import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CNI_CODE,
  CNI_VERSIONS,
  furtherFailuresOf,
  type JsonObject,
  parseContainerId,
  parseNetworkConfig,
  pluginFailureOf,
  removeNetns,
} from '#cni';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { addressOf, type CniHost, createCniHost } from '../helpers/cni-host.ts';
import { fetchFrom, run, runIn, serveIn } from '../helpers/network-host.ts';
import { requires } from '../helpers/requires.ts';

const HERE = '/proc/self/ns/net';

let host: CniHost;

describe.runIf(requires('root', 'netns', 'mount-namespace', 'cni-plugins'))(
  'cni with real plugins',
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

    describe('ptp, host-local and portmap', () => {
      const portmap = { type: 'portmap', capabilities: { portMappings: true }, snat: true };

      it('connect pod, host and another pod by a forwarded port, and leave nothing', async () => {
        const [server, client] = [host.container('server'), host.container('client')];
        const web = host.network('web', [host.ptp('web', '10.61.0.0/24'), portmap]);
        const capabilityArgs = {
          portMappings: [{ hostPort: 8061, containerPort: 80, protocol: 'tcp' as const }],
        };
        const attachment = await host.cni.attach({
          network: web,
          parameters: host.parametersOf('server', 'eth0', { capabilityArgs }),
        });
        await host.cni.attach({ network: web, parameters: host.parametersOf('client') });
        using _running = await serveIn(server, 80, 'hello');

        expect(attachment.version).toBe('1.0.0');
        expect(addressOf(attachment)).toBe('10.61.0.2');
        expect(fetchFrom(client, '10.61.0.2', 80)).toBe('hello');
        expect(fetchFrom(client, '10.61.0.1', 8061)).toBe('hello');
        expect(fetchFrom(HERE, '10.61.0.1', 8061)).toBe('hello');
        expect(host.rulesOf('server').length).toBeGreaterThan(2);

        await host.cni.detach(host.parametersOf('server'));
        expect(fetchFrom(client, '10.61.0.1', 8061)).not.toBe('hello');
        expect(host.rulesOf('server')).toEqual([]);
        expect(host.reserved('web')).toEqual(['10.61.0.3']);
        expect(runIn(server, 'ip', '-br', 'link')).not.toContain('eth0');
      });

      it.each(CNI_VERSIONS.filter((version) => version !== '1.1.0'))(
        'attach and detach in version %s',
        async (cniVersion) => {
          const name = `v${cniVersion}`;
          host.container(name);
          const request = {
            network: host.network(name, [host.ptp(name, '10.62.0.0/24')], { cniVersion }),
            parameters: host.parametersOf(name),
          };
          const attachment = await host.cni.attach(request);

          expect(attachment.result?.ips[0]).toMatchObject({
            address: '10.62.0.2/24',
            gateway: '10.62.0.1',
          });
          expect(attachment.result?.routes).toMatchObject([{ dst: '0.0.0.0/0' }]);
          expect(runIn(host.netnsOf(name), 'ip', '-br', 'addr')).toContain('10.62.0.2/24');
          expect(await host.cni.check(host.parametersOf(name))).toBe(
            cniVersion < '0.4.0' ? 'unsupported' : 'good',
          );
          await host.cni.detach(host.parametersOf(name));
          expect(host.reserved(name)).toEqual([]);
          expect(host.rulesOf(name)).toEqual([]);
        },
      );

      it('attach by an rkt configuration of one plugin, without a version', async () => {
        host.container('rkt');
        const conf = { name: 'rkt', ...host.ptp('rkt', '10.63.0.0/24') };
        const parameters = host.parametersOf('rkt', 'eth0', { args: [['IP', '10.63.0.77']] });
        const attachment = await host.cni.attach({
          network: parseNetworkConfig(JSON.stringify(conf), '10-rkt.conf'),
          parameters,
        });

        expect(attachment.version).toBe('0.1.0');
        expect(addressOf(attachment)).toBe('10.63.0.77');
      });

      it('give two addresses, one of each family', async () => {
        const netns = host.container('dual');
        const request = {
          network: host.network('dual', [host.ptp('dual', '10.64.0.0/24', 'fd64::/64'), portmap]),
          parameters: host.parametersOf('dual', 'eth0', {
            capabilityArgs: {
              portMappings: [{ hostPort: 8064, containerPort: 80, protocol: 'tcp' as const }],
            },
          }),
        };
        const attachment = await host.cni.attach(request);
        using _running = await serveIn(netns, 80, 'both');

        expect(attachment.result?.ips.map(({ address }) => address)).toEqual([
          '10.64.0.2/24',
          'fd64::2/64',
        ]);
        await expect
          .poll(() => fetchFrom(HERE, addressOf(attachment, 1), 80), {
            timeout: 10_000,
          })
          .toBe('both');
        await host.cni.detach(host.parametersOf('dual'));
        expect(host.rulesOf('dual')).toEqual([]);
      });

      it('say in their own words that a range is exhausted, and serve again after a DEL', async () => {
        for (const id of ['first', 'second']) host.container(id);
        const tiny = host.network('tiny', [host.ptp('tiny', '10.65.0.0/30')]);
        await host.cni.attach({ network: tiny, parameters: host.parametersOf('first') });
        const error: unknown = await host.cni
          .attach({ network: tiny, parameters: host.parametersOf('second') })
          .catch((thrown: unknown) => thrown);

        expect(pluginFailureOf(error)).toMatchObject({ plugin: 'ptp', cniCode: CNI_CODE.internal });
        expect(error).toHaveProperty(
          'message',
          expect.stringContaining('no IP addresses available in range set'),
        );
        expect(furtherFailuresOf(error)).toEqual([]);
        await host.cni.detach(host.parametersOf('first'));
        await host.cni.attach({ network: tiny, parameters: host.parametersOf('second') });
      });

      it('free the address of a pod whose network namespace is gone', async () => {
        const netns = host.container('gone');
        const plain = { ...host.ptp('plain', '10.66.0.0/24'), ipMasq: false };
        await host.cni.attach({
          network: host.network('plain', [plain, portmap]),
          parameters: host.parametersOf('gone'),
        });
        removeNetns(linuxKernel, { path: netns });
        await host.cni.detach(host.parametersOf('gone'));
        await host.cni.detach(host.parametersOf('gone'), {
          network: host.network('plain', [plain, portmap]),
          parameters: host.parametersOf('gone'),
        });

        expect(host.reserved('plain')).toEqual([]);
        expect(run('ip', '-br', 'link')).not.toContain('veth');
      });

      it('are undone when a plugin after them fails', async () => {
        host.container('undone');
        const chain = [
          host.ptp('undone', '10.67.0.0/24'),
          { type: 'tuning', sysctl: { 'net.no': '1' } },
        ];
        const error: unknown = await host.cni
          .attach({
            network: host.network('undone', chain),
            parameters: host.parametersOf('undone'),
          })
          .catch((thrown: unknown) => thrown);

        expect(pluginFailureOf(error)).toMatchObject({ plugin: 'tuning', command: 'ADD' });
        expect(host.reserved('undone')).toEqual([]);
        expect(host.rulesOf('undone')).toEqual([]);
        expect(run('ip', '-br', 'link')).not.toContain('veth');
        expect(host.cni.attachments().attachments).toEqual([]);
      });

      it('are not run when the configuration asks for more than they speak', async () => {
        host.container('newer');
        const newer = host.network('newer', [host.ptp('newer', '10.68.0.0/24')], {
          cniVersion: '1.1.0',
        });

        await expect(
          host.cni.attach({ network: newer, parameters: host.parametersOf('newer') }),
        ).rejects.toThrow('no CNI version suits all: the configuration has 1.1.0; plugin "ptp"');
        expect(await host.cni.versionsOf('ptp')).toEqual(CNI_VERSIONS.slice(0, -1));
      });

      it('serve many pods at once, and collect those that are stale', async () => {
        const ids = Array.from({ length: 8 }, (_, index) => `many${index}`);
        const many = host.network('many', [host.ptp('many', '10.69.0.0/24'), portmap]);
        for (const id of ids) host.container(id);
        const attachments = await host.cni.attachAll([
          ids.map((id) => ({ network: many, parameters: host.parametersOf(id) })),
        ]);

        expect(new Set(attachments.map((one) => addressOf(one))).size).toBe(8);
        const valid = [host.parametersOf('many3')];
        const report = await host.cni.collect({ networks: [many], valid: () => valid });
        expect(report.failures).toEqual([]);
        expect(report.detached).toHaveLength(7);
        expect(host.reserved('many')).toHaveLength(1);
        expect(host.cni.attachments().attachments).toMatchObject([{ parameters: valid[0] }]);
      });
    });

    describe('bridge and the plugins chained to it', () => {
      it('set a mac, a sysctl, a limit and the firewall, and take them back', async () => {
        const netns = host.container('tuned');
        const chain = [
          {
            type: 'bridge',
            bridge: 'cni-test0',
            isGateway: true,
            ipMasq: true,
            ipam: host.hostLocal('tuned', '10.71.0.0/24'),
          },
          { type: 'tuning', capabilities: { mac: true }, sysctl: { 'net.core.somaxconn': '77' } },
          { type: 'bandwidth', capabilities: { bandwidth: true } },
          { type: 'firewall', backend: 'iptables' },
        ];
        const capabilityArgs = {
          mac: 'c2:11:22:33:44:55',
          bandwidth: { ingressRate: 8_000_000, ingressBurst: 800_000 },
        };
        const attachment = await host.cni.attach({
          network: host.network('tuned', chain),
          parameters: host.parametersOf('tuned', 'eth0', { capabilityArgs }),
        });
        const veth = attachment.result?.interfaces.find(({ name }) => name.startsWith('veth'));
        const forwarded = (): boolean =>
          run('iptables-save').includes(`-s ${addressOf(attachment)}/32`);

        expect(runIn(netns, 'ip', 'link', 'show', 'eth0')).toContain('c2:11:22:33:44:55');
        expect(runIn(netns, 'sysctl', '-n', 'net.core.somaxconn')).toBe('77\n');
        expect(run('tc', 'qdisc', 'show', 'dev', veth?.name ?? '')).toContain('tbf');
        expect(forwarded()).toBe(true);
        expect(await host.cni.check(host.parametersOf('tuned'))).toBe('good');
        await host.cni.detach(host.parametersOf('tuned'));
        expect(forwarded()).toBe(false);
        expect(host.rulesOf('tuned')).toEqual([]);
        expect(host.reserved('tuned')).toEqual([]);
      });

      it('connect pods on one bridge', async () => {
        const ids = ['left', 'right'];
        const shared = host.network('shared', [
          {
            type: 'bridge',
            bridge: 'cni-test1',
            isGateway: true,
            ipam: host.hostLocal('shared', '10.72.0.0/24', 'fd72::/64'),
          },
        ]);
        for (const id of ids) host.container(id);
        const [left] = await host.cni.attachAll([
          ids.map((id) => ({ network: shared, parameters: host.parametersOf(id) })),
        ]);
        using _running = await serveIn(host.netnsOf('left'), 80, 'neighbour');

        expect(fetchFrom(host.netnsOf('right'), addressOf(left!), 80)).toBe('neighbour');
      });

      it('find fault with an address that somebody took away', async () => {
        const netns = host.container('fault');
        const plugin = {
          type: 'bridge',
          bridge: 'cni-test2',
          isGateway: true,
          ipam: host.hostLocal('fault', '10.73.0.0/24'),
        };
        const attachment = await host.cni.attach({
          network: host.network('fault', [plugin]),
          parameters: host.parametersOf('fault'),
        });
        expect(await host.cni.check(host.parametersOf('fault'))).toBe('good');
        runIn(netns, 'ip', 'addr', 'del', `${addressOf(attachment)}/24`, 'dev', 'eth0');

        await expect(host.cni.check(host.parametersOf('fault'))).rejects.toThrow(
          'cannot check the attachment with the plugin "bridge"',
        );
      });
    });

    describe('macvlan, static and loopback', () => {
      it('give the addresses that the caller asks for', async () => {
        const netns = host.container('asked');
        run('ip', 'link', 'add', 'cni-master', 'type', 'veth', 'peer', 'name', 'cni-peer');
        run('ip', 'link', 'set', 'cni-master', 'up');
        const plugin = {
          type: 'macvlan',
          master: 'cni-master',
          capabilities: { ips: true },
          ipam: { type: 'static' },
        };
        const capabilityArgs = { ips: ['10.74.0.9/24', 'fd74::9/64'] };
        await host.cni.attach({
          network: host.network('asked', [plugin]),
          parameters: host.parametersOf('asked', 'net1', { capabilityArgs }),
        });

        expect(runIn(netns, 'ip', '-br', 'addr', 'show', 'net1')).toMatch(
          /10\.74\.0\.9\/24 .*fd74::9\/64/,
        );
        await host.cni.detach(host.parametersOf('asked', 'net1'));
        expect(runIn(netns, 'ip', '-br', 'link')).not.toContain('net1');
      });

      it('bring loopback up', async () => {
        host.containerWithoutLoopback('lo');
        await host.cni.attach({
          network: host.network('loopback', [{ type: 'loopback' }]),
          parameters: host.parametersOf('lo', 'lo'),
        });

        expect(runIn(host.netnsOf('lo'), 'ip', '-br', 'link')).toMatch(/LOOPBACK,UP/);
        expect(await host.cni.check(host.parametersOf('lo', 'lo'))).toBe('good');
      });
    });

    describe('attachAll()', () => {
      it('attaches one pod to several networks at once, and to none when one fails', async () => {
        const netns = host.container('several');
        const good = ['10.75.0.0/24', '10.76.0.0/24'].map((subnet, index) => ({
          network: host.network(`several${index}`, [host.ptp(`several${index}`, subnet)]),
          parameters: host.parametersOf('several', `eth${index}`),
        }));
        const bad = {
          network: host.network('several2', [{ type: 'macvlan', master: 'no-such-link' }]),
          parameters: host.parametersOf('several', 'eth2'),
        };
        // Two default routes, one of which the kernel takes: the second network has none.
        const plugin = good[1]!.network.plugins[0]!;
        const { routes: _routes, ...ipam } = plugin.fields['ipam'] as JsonObject;
        const second = {
          ...good[1]!,
          network: host.network('several1', [{ ...plugin.fields, ipam }]),
        };
        await host.cni.attachAll([[good[0]!, second]]);
        expect(runIn(netns, 'ip', '-br', 'addr', 'show', 'eth0')).toContain('10.75.0.2/24');
        expect(runIn(netns, 'ip', '-br', 'addr', 'show', 'eth1')).toContain('10.76.0.2/24');
        await host.cni.detachContainer(parseContainerId('several'));

        await expect(host.cni.attachAll([[good[0]!, second, bad]])).rejects.toThrow(
          'plugin "macvlan"',
        );
        expect(runIn(netns, 'ip', '-br', 'link').trim().split('\n')).toHaveLength(1);
        expect(host.reserved('several0')).toEqual([]);

        // DEL of macvlan fails as its ADD did, for as long as there is a namespace.
        const left = host.cni.attachments().attachments;
        expect(left).toMatchObject([{ state: 'attaching', network: { name: 'several2' } }]);
        removeNetns(linuxKernel, { path: netns });
        await host.cni.detachContainer(parseContainerId('several'));
        expect(host.cni.attachments().attachments).toEqual([]);
      });
    });
  },
);
