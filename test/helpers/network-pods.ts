import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecResult } from '#base/exec/exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { type JsonObject, makeNetns, raiseLoopback, removeNetns } from '#cni';
import { enterNetworkHost, type NetworkHost, run, runIn } from './network-host.ts';
import { listDir, networkTraces } from './network-traces.ts';
import { createNspawnPods, type NspawnPods } from './nspawn-pods.ts';

/** A host of the test's own on which gantry runs pods, and other hosts that it is connected with. */
export interface NetworkPods extends AsyncDisposable {
  readonly host: NetworkHost;
  readonly pods: NspawnPods;
  /** Makes another host on a link of its own: `.1` of the subnet here, `.2` there. @returns its network namespace */
  outside(name: string, subnet: string): string;
  /** Writes a network's configuration into the local `net.d`. */
  configure(file: string, network: JsonObject): void;
  removeConfig(file: string): void;
  /** `gantry ARGS`, which must succeed; gives what it printed. */
  gantry(...args: readonly string[]): Promise<string>;
  /** The output of a shell in a pod with the given flags. */
  shell(flags: readonly string[], script: string): Promise<ExecResult>;
  /** The addresses that host-local holds on a network. */
  reserved(network: string): readonly string[];
  /** What is left of pods: pins, addresses, links, and rules that name one. */
  traces(): readonly string[];
}

/** The name of the image that the pods come from. */
export const NAME = 'example.com/net';

/** Makes the host, an image, and the programs' own folders. */
export async function createNetworkPods(): Promise<NetworkPods> {
  const host = enterNetworkHost();
  const pods = createNspawnPods();
  await pods.add({ name: NAME });
  const netD = join(pods.context.localConfig, 'net.d');
  mkdirSync(netD);
  const others: string[] = [];

  return {
    host,
    pods,
    outside(name, subnet) {
      const path = `/run/gantry-test/hosts/${name}`;
      others.push(path);
      connect(path, name, subnet);
      return path;
    },
    configure: (file, network) => writeFileSync(join(netD, file), JSON.stringify(network)),
    removeConfig: (file) => run('rm', '-r', join(netD, file)),
    async gantry(...args) {
      const result = await pods.context.gantry(args);
      if (result.exitCode !== 0) throw new Error(`gantry ${args.join(' ')}: ${result.stderr}`);
      return result.stdout.toString();
    },
    shell: async (flags, script) =>
      await pods.run(['--interactive', ...flags, NAME, '--exec=/bin/sh', '--', '-c', script]),
    reserved: networkTraces,
    traces,
    async [Symbol.asyncDispose]() {
      await pods[Symbol.asyncDispose]();
      for (const path of others) removeNetns(linuxKernel, { path });
      host[Symbol.dispose]();
    },
  };
}

/** Default route there, none here: what reaches it from a pod does so under the host's address. */
function connect(netns: string, name: string, subnet: string): void {
  makeNetns(linuxKernel, { path: netns });
  raiseLoopback(linuxKernel, netns);
  const address = (last: number): string => subnet.replace(/\.0\/(\d+)$/, `.${last}/$1`);
  run('ip', 'link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
  run('ip', 'addr', 'add', address(1), 'dev', `to-${name}`);
  run('ip', 'link', 'set', `to-${name}`, 'up');
  runIn(netns, 'ip', 'addr', 'add', address(2), 'dev', 'eth0');
  runIn(netns, 'ip', 'link', 'set', 'eth0', 'up');
}

function traces(): readonly string[] {
  const rules = ['iptables-save', 'ip6tables-save'].flatMap((program) =>
    run(program)
      .split('\n')
      .filter((line) => /[0-9a-f]{8}-[0-9a-f]{4}-/.test(line)),
  );
  const links = readFileSync('/proc/thread-self/net/dev', 'utf8').match(/veth\w+/g) ?? [];

  return [
    ...listDir('/run/gantry/netns').map((name) => `pin ${name}`),
    ...listDir('/var/lib/cni/networks').flatMap((network) =>
      networkTraces(network).map((address) => `address ${address} of ${network}`),
    ),
    ...links.map((name) => `link ${name}`),
    ...rules,
  ];
}
