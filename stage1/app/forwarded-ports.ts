import { isIPv6 } from 'node:net';
import { GantryError } from '#base/errors/gantry-error';
import type { ExposedPort } from '#schema/pod/pod-manifest';
import type { Port } from '#schema/pod/port';

/** What a port of the host may carry. */
export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** Ports of the host, in a row, that lead to ports of the pod. */
export interface ForwardedPort {
  readonly name: string;
  readonly protocol: PortProtocol;
  /** Every address of the host when absent. */
  readonly hostIP?: string | undefined;
  /** The first of the row. */
  readonly hostPort: number;
  readonly podPort: number;
  readonly count: number;
}

/** An app as far as its ports are concerned. */
export interface AppPorts {
  readonly name: string;
  readonly ports: readonly Port[];
}

const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp'] satisfies readonly PortProtocol[];
const LAST_PORT = 65_535;

/**
 * Which ports of the host lead to which ports of a pod.
 * @param exposed as the pod manifest has them
 * @param apps with the ports that they declare
 * @throws GantryError PORT_UNKNOWN, PORT_AMBIGUOUS, PORT_INVALID, PORT_TWICE
 */
export function resolvePorts(
  exposed: readonly ExposedPort[],
  apps: readonly AppPorts[],
): readonly ForwardedPort[] {
  const ports = exposed.map((each) => resolvePort(each, apps));
  ports.forEach((port, at) => {
    const other = ports.slice(0, at).find((before) => portsOverlap(before, port));
    if (other !== undefined) throw twice(other, port);
  });

  return ports;
}

/** Whether two rows of ports of one host have one in common. */
export function portsOverlap(
  a: Omit<ForwardedPort, 'podPort' | 'name'>,
  b: Omit<ForwardedPort, 'podPort' | 'name'>,
): boolean {
  const isApart =
    a.hostPort + a.count <= b.hostPort ||
    b.hostPort + b.count <= a.hostPort ||
    a.protocol !== b.protocol;

  return !isApart && addressesOverlap(a.hostIP, b.hostIP);
}

/** Whether what is sent to one of them may be meant for the other; absent and `0.0.0.0` are every address. */
export function addressesOverlap(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return true;
  if (a === '::' || b === '::') return isIPv6(a) && isIPv6(b);

  return (a === '0.0.0.0' || b === '0.0.0.0') && !isIPv6(a) && !isIPv6(b);
}

/** `127.0.0.1:8000-8010/tcp`, for messages. */
export function describePort({
  hostIP,
  hostPort,
  count,
  protocol,
}: Omit<ForwardedPort, 'podPort' | 'name'>): string {
  const ip = hostIP === undefined ? '' : `${isIPv6(hostIP) ? `[${hostIP}]` : hostIP}:`;
  const last = count > 1 ? `-${hostPort + count - 1}` : '';

  return `${ip}${hostPort}${last}/${protocol}`;
}

function resolvePort(exposed: ExposedPort, apps: readonly AppPorts[]): ForwardedPort {
  const { name, hostPort, hostIP } = exposed;
  const { protocol, port, count = 1 } = exposed.podPort ?? declaredPort(name, apps);
  if (!PROTOCOLS.includes(protocol)) {
    throw invalid(name, `its protocol is "${protocol}"; only ${PROTOCOLS.join(', ')} can be`);
  }
  if (hostPort + count - 1 > LAST_PORT) {
    throw invalid(
      name,
      `it would take ports up to ${hostPort + count - 1}; the last is ${LAST_PORT}`,
    );
  }

  return {
    name,
    protocol: protocol as PortProtocol,
    ...(hostIP === undefined ? {} : { hostIP: canonical(name, hostIP) }),
    hostPort,
    podPort: port,
    count,
  };
}

function canonical(name: string, address: string): string {
  if (isIPv6(address) && address.includes('%')) {
    throw invalid(name, `"${address}" is of one interface only`);
  }

  return canonicalAddress(address);
}

/** An address without a zone as the kernel and the plugins write it, so that one address is one text. */
export function canonicalAddress(address: string): string {
  if (!isIPv6(address)) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(short);
  if (mapped === null) return short;

  return mapped
    .slice(1)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}

function declaredPort(name: string, apps: readonly AppPorts[]): Port {
  const found = apps.flatMap((app) =>
    app.ports.filter((port) => port.name === name).map((port) => ({ app: app.name, port })),
  );
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first.port;
  if (first !== undefined) {
    throw new GantryError(
      'PORT_AMBIGUOUS',
      `cannot forward port "${name}": apps ${found.map(({ app }) => `"${app}"`).join(' and ')} declare one`,
      { hint: 'name its number: --port=HOSTPORT:PODPORT/tcp' },
    );
  }

  const known = apps.flatMap(({ ports }) => ports.map((port) => port.name));
  throw new GantryError('PORT_UNKNOWN', `cannot forward port "${name}": no app declares it`, {
    hint: `${known.length === 0 ? 'none is declared' : `declared are ${known.join(', ')}`}; others go by number: --port=HOSTPORT:PODPORT/tcp`,
  });
}

function invalid(name: string, state: string): GantryError {
  return new GantryError('PORT_INVALID', `cannot forward port "${name}": ${state}`);
}

function twice(one: ForwardedPort, other: ForwardedPort): GantryError {
  return new GantryError(
    'PORT_TWICE',
    `cannot forward ${describePort(other)} of the host to "${other.name}": ${describePort(one)} leads to "${one.name}"`,
  );
}
