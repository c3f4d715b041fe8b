import type { App, ExposedPort, RuntimeApp } from '#schema/pod/pod-manifest';
import type { Port } from '#schema/pod/port';
import { parseAcName } from '#schema/types/names';
import type { PortRequest } from '../operations/requests.ts';

/** The apps of a pod with the ports that they are to have, and the ports of the host that lead there. */
export interface ExposedPorts {
  readonly runtimeApps: readonly RuntimeApp[];
  readonly ports: readonly ExposedPort[];
}

/**
 * Puts ports into a pod manifest as appc has them. One that is known by its
 * number only, and that no app declares, is added to the first app's: all share
 * one network.
 */
export function exposePorts(
  apps: readonly RuntimeApp[],
  requests: readonly PortRequest[],
): ExposedPorts {
  let runtimeApps = apps;
  const ports: ExposedPort[] = [];
  for (const request of requests) {
    const { hostPort, hostIP } = request;
    const place = hostIP === undefined ? { hostPort } : { hostPort, hostIP };
    if (request.kind === 'declared') {
      ports.push({ name: request.name, ...place });
      continue;
    }
    const known = allPorts(runtimeApps).find((port) => isSame(port, request));
    const port = known ?? newPort(runtimeApps, request);
    if (known === undefined) runtimeApps = withPort(runtimeApps, port);
    ports.push({ name: port.name, ...place });
  }

  return { runtimeApps, ports };
}

type Numbered = Extract<PortRequest, { readonly kind: 'numbered' }>;

function allPorts(apps: readonly RuntimeApp[]): readonly Port[] {
  return apps.flatMap(({ app }) => app?.ports ?? []);
}

function isSame(port: Port, { protocol, podPort, count }: Numbered): boolean {
  return port.protocol === protocol && port.port === podPort && (port.count ?? 1) === count;
}

/** `80-tcp`, or `80-90-tcp`: as rkt called the ports of Docker images. */
function newPort(apps: readonly RuntimeApp[], { protocol, podPort, count }: Numbered): Port {
  const row = count > 1 ? `${podPort}-${podPort + count - 1}` : String(podPort);
  const taken = new Set<string>(allPorts(apps).map(({ name }) => name));
  let name = `${row}-${protocol}`;
  while (taken.has(name)) name = `x-${name}`;

  return {
    name: parseAcName(name),
    protocol,
    port: podPort,
    ...(count > 1 ? { count } : {}),
  };
}

function withPort(apps: readonly RuntimeApp[], port: Port): readonly RuntimeApp[] {
  return apps.map((runtime, index) => {
    if (index > 0 || runtime.app === undefined) return runtime;
    const app: App = { ...runtime.app, ports: [...(runtime.app.ports ?? []), port] };
    return { ...runtime, app };
  });
}
