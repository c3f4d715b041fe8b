import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import {
  type Attachment,
  type AttachmentParameters,
  type Cni,
  type JsonObject,
  makeNetns,
  type NetworkConfig,
  openCni,
  parseContainerId,
  parseInterfaceName,
  parseNetworkConfig,
  raiseLoopback,
  removeNetns,
} from '#cni';
import { enterNetworkHost, type NetworkHost, run } from './network-host.ts';

/** Where the distribution's package puts the plugins. */
const PLUGINS = '/usr/lib/cni';
/** The newest version that they speak, and the newest there is. */
const VERSIONS = { cniVersions: ['1.0.0', '1.1.0'] };

/** A host of the test's own with the real plugins, and containers on it. */
export interface CniHost extends NetworkHost {
  readonly cni: Cni;
  /** Makes a container with loopback up; gives the path of its network namespace. */
  container(id: string): string;
  containerWithoutLoopback(id: string): string;
  /** Detaches and removes every container. */
  removeContainers(): Promise<void>;
  netnsOf(id: string): string;
  parametersOf(
    id: string,
    ifName?: string,
    extra?: Partial<AttachmentParameters>,
  ): AttachmentParameters;
  network(name: string, plugins: readonly JsonObject[], extra?: JsonObject): NetworkConfig;
  /** A host-local section with a default route for every subnet. */
  hostLocal(name: string, ...subnets: readonly string[]): JsonObject;
  /** A ptp plugin that masquerades, over host-local. */
  ptp(name: string, ...subnets: readonly string[]): JsonObject;
  /** The addresses that host-local has given out on a network. */
  reserved(name: string): readonly string[];
  /** The iptables rules, of both families, that name a container. */
  rulesOf(id: string): readonly string[];
}

/** Enters a host of the test's own; disposing of it leaves it. */
export function createCniHost(): CniHost {
  const host = enterNetworkHost();
  const cni = openCni({
    pluginDirs: [PLUGINS],
    stateDir: join(host.dir, 'state'),
    exec: nodeExec,
    kernel: linuxKernel,
    log: nullLog,
  });

  return { ...host, ...containersOn(cni), ...networksOn(host.dir), cni };
}

type Containers = Pick<
  CniHost,
  'container' | 'containerWithoutLoopback' | 'removeContainers' | 'netnsOf' | 'parametersOf'
>;

function containersOn(cni: Cni): Containers {
  const ids = new Set<string>();
  const netnsOf = (id: string): string => `/run/gantry-test/netns/${id}`;
  const containerWithoutLoopback = (id: string): string => {
    ids.add(id);
    makeNetns(linuxKernel, { path: netnsOf(id) });
    return netnsOf(id);
  };

  return {
    netnsOf,
    containerWithoutLoopback,
    container(id) {
      const netns = containerWithoutLoopback(id);
      raiseLoopback(linuxKernel, netns);
      return netns;
    },
    async removeContainers() {
      for (const id of ids) {
        // What cannot be detached while the namespace is there can be when it is gone.
        await cni.detachContainer(parseContainerId(id)).catch(() => []);
        removeNetns(linuxKernel, { path: netnsOf(id) });
        await cni.detachContainer(parseContainerId(id));
      }
      ids.clear();
    },
    parametersOf: (id, ifName = 'eth0', extra = {}) => ({
      containerId: parseContainerId(id),
      ifName: parseInterfaceName(ifName),
      netns: netnsOf(id),
      ...extra,
    }),
  };
}

type Networks = Pick<CniHost, 'network' | 'hostLocal' | 'ptp' | 'reserved' | 'rulesOf'>;

function networksOn(dir: string): Networks {
  const hostLocal: CniHost['hostLocal'] = (name, ...subnets) => ({
    type: 'host-local',
    dataDir: join(dir, 'ipam', name),
    ranges: subnets.map((subnet) => [{ subnet }]),
    routes: subnets.map((subnet) => ({ dst: subnet.includes(':') ? '::/0' : '0.0.0.0/0' })),
  });

  return {
    hostLocal,
    ptp: (name, ...subnets) => ({
      type: 'ptp',
      ipMasq: true,
      ipam: hostLocal(name, ...subnets),
    }),
    network: (name, plugins, extra = VERSIONS) =>
      parseNetworkConfig(JSON.stringify({ name, plugins, ...extra }), name),
    reserved(name) {
      const folder = join(dir, 'ipam', name, name);
      return existsSync(folder)
        ? readdirSync(folder).filter((entry) => /^[\da-f]/.test(entry))
        : [];
    },
    rulesOf: (id) =>
      ['iptables-save', 'ip6tables-save']
        .flatMap((program) => run(program).split('\n'))
        .filter((line) => line.includes(`id: \\"${id}\\"`)),
  };
}

/** An address that an attachment got, without its prefix length. */
export function addressOf({ result }: Attachment, index = 0): string {
  return result?.ips[index]?.address.split('/')[0] ?? '';
}
