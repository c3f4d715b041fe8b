import type { PodNetwork } from '#pod-network';
import { type EntrypointHost, type RunArguments, readPodName } from '#stage1';
import { machineName } from '../init/machine.ts';
import type { PassedSocket } from '../sockets/passed-sockets.ts';
import { isNetworked } from './app-hosts.ts';
import { readPorts } from './read-ports.ts';
import { networkHost } from './network-host.ts';

/** The network in which a pod's processes start. */
export interface PodConnection {
  /** `host`: the caller's; `none`: one of its own with nothing but loopback; `cni`: one attached to networks. */
  readonly kind: 'host' | 'none' | 'cni';
  /** The networks, for `cni`. */
  readonly network?: PodNetwork | undefined;
}

const HOST: PodConnection = { kind: 'host' };
const NONE: PodConnection = { kind: 'none' };

/** A connection that is being made. */
export interface Connecting {
  /** Settles when the first plugin is at work, or there is nothing to wait for; never rejects. */
  readonly begun: Promise<void>;
  /** Rejects with what `joinNetworks` throws; then nothing is left of it. */
  readonly connection: Promise<PodConnection>;
}

/**
 * Gives a pod the network that `--net` asks for. Plugins work while this
 * process does other things, which should wait until the first has begun.
 */
export function connectPod(
  host: EntrypointHost,
  args: RunArguments,
  passed: readonly PassedSocket[],
): Connecting {
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const run: EntrypointHost['exec']['run'] = (request) => {
    const running = host.exec.run(request);
    if (request.env['CNI_COMMAND'] === 'ADD') resolve();
    return running;
  };
  const connection = connect({ ...host, exec: { ...host.exec, run } }, args, passed);
  connection.then(
    () => resolve(),
    () => resolve(),
  );

  return { begun, connection };
}

async function connect(
  host: EntrypointHost,
  args: RunArguments,
  passed: readonly PassedSocket[],
): Promise<PodConnection> {
  if (!isNetworked(args)) return args.net === 'host' ? HOST : NONE;

  // Loaded when it is needed: other pods are not to wait for it.
  const { joinNetworks, parseNetArgument } = await import('#pod-network');
  const wanted = parseNetArgument(args.net);
  if (wanted.kind !== 'cni') return wanted.kind === 'host' ? HOST : NONE;
  const names = [readPodName(host.podDir), args.hostname ?? machineName(args.uuid)];
  const network = await joinNetworks(networkHost(host, args), {
    wanted,
    ports: readPorts(host.podDir, passed),
    names: names.filter((name) => name !== undefined),
  });

  return { kind: 'cni', network };
}

/** Gives back what a pod was connected with that is not to run after all. What cannot be is told. */
export async function disconnectPod(host: EntrypointHost, args: RunArguments): Promise<void> {
  const { releaseNetwork } = await import('#pod-network');
  for (const { message } of await releaseNetwork(networkHost(host, args))) {
    host.log.warning(message);
  }
}

/**
 * Moves this process, which becomes the pod, into the pod's network. nspawn
 * could do it, but then it would show the pod the interfaces of the host in
 * /sys: it mounts that before.
 */
export async function enterConnection(
  host: EntrypointHost,
  { network }: PodConnection,
): Promise<void> {
  if (network === undefined) return;
  const { enterNetns } = await import('#pod-network');

  enterNetns(host.kernel, network.netns);
}
