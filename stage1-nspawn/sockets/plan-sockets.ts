import { GantryError } from '#base/errors/gantry-error';
import type { LoadedPod } from '../init/pod.ts';
import { type AppSocket, assignSockets } from './assign-sockets.ts';
import type { PassedSocket } from './passed-sockets.ts';

export interface SocketsRequest {
  readonly pod: LoadedPod;
  readonly passed: readonly PassedSocket[];
  /** Whether the pod has the host's network, on which others listen too. */
  readonly hostNetwork: boolean;
}

/**
 * Which sockets each app of a pod gets, by its name.
 * @throws GantryError PORT_TAKEN when a process of the host listens on one, and as `assignSockets`
 */
export async function planSockets({
  pod,
  passed,
  hostNetwork,
}: SocketsRequest): Promise<ReadonlyMap<string, readonly AppSocket[]>> {
  const apps = pod.apps.map(({ runtime, description }) => ({
    name: runtime.name,
    ports: description.ports ?? [],
  }));
  const sockets = assignSockets(apps, pod.manifest.ports ?? [], passed);
  if (hostNetwork) {
    await refuseListeners([...sockets.values()].flat().filter((each) => !each.passed));
  }

  return sockets;
}

async function refuseListeners(sockets: readonly AppSocket[]): Promise<void> {
  if (sockets.length === 0) return;
  const { describeOwner, readListeners } = await import('#pod-network');
  const listeners = readListeners();
  for (const { kind, address } of sockets) {
    const protocol = kind === 'Stream' ? 'tcp' : 'udp';
    const listener = listeners.find(
      (each) => each.protocol === protocol && String(each.port) === address,
    );
    if (listener === undefined) continue;
    throw new GantryError(
      'PORT_TAKEN',
      `cannot listen on port ${address}/${protocol} of the host: ${describeOwner(listener.inode)} listens on it`,
      { hint: 'stop that, or give the pod a network of its own' },
    );
  }
}
