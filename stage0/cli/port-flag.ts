import { isIP, isIPv6 } from 'node:net';
import type { PortRequest } from '../operations/requests.ts';
import { readInteger, readName } from './flag-values.ts';
import { usageError } from './usage-error.ts';

const FORM = 'NAME:[HOSTIP:]HOSTPORT, or [HOSTIP:]HOSTPORT:PODPORT/tcp|udp|sctp';
const LAST_PORT = 65_535;

/**
 * Reads every `--port`: a port that an image declares, by its name, or any, by
 * numbers, or several in a row (`8000-8010:80-90/tcp`). An IPv6 address stands in
 * brackets.
 * @throws GantryError BAD_USAGE
 */
export function readPorts(texts: readonly string[]): readonly PortRequest[] {
  return texts.map((text) => (text.includes('/') ? readNumbered(text) : readNamed(text)));
}

function readNamed(text: string): PortRequest {
  const [name = '', ...rest] = splitColons(text);
  const port = rest.pop();
  if (port === undefined || rest.length > 1) throw wrongForm(text);

  return {
    kind: 'declared',
    name: readName(name, '--port'),
    hostPort: readPort(port),
    hostIP: readAddress(rest[0]),
  };
}

function readNumbered(text: string): PortRequest {
  const [, row = '', protocol = ''] = /^(.*)\/([a-z]+)$/.exec(text) ?? [];
  const parts = splitColons(row);
  const [podPorts, hostPorts, address, ...more] = parts.reverse();
  if (podPorts === undefined || hostPorts === undefined || more.length > 0) throw wrongForm(text);
  if (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp') throw wrongForm(text);

  const host = readRow(hostPorts);
  const pod = readRow(podPorts);
  if (host.count !== pod.count) {
    throw usageError(
      `cannot read --port: "${text}" has ${host.count} ports of the host for ${pod.count} of the pod`,
    );
  }

  return {
    kind: 'numbered',
    protocol,
    hostPort: host.first,
    podPort: pod.first,
    count: host.count,
    hostIP: readAddress(address),
  };
}

/** Cuts at colons that are not inside brackets. */
function splitColons(text: string): string[] {
  return text.split(/:(?![^[]*\])/);
}

function readRow(text: string): { readonly first: number; readonly count: number } {
  const [from = '', to = from, ...more] = text.split('-');
  const [first, last] = [readPort(from), readPort(to)];
  if (more.length > 0 || last < first) {
    throw usageError(`cannot read --port: "${text}" is no row of ports`);
  }

  return { first, count: last - first + 1 };
}

function readPort(text: string): number {
  return readInteger(text, '--port', { min: 1, max: LAST_PORT });
}

function readAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const inside = /^\[(.*)\]$/.exec(text)?.[1];
  if (inside !== undefined && isIPv6(inside)) return inside;
  if (inside === undefined && isIP(text) === 4) return text;

  throw usageError(`cannot read --port: "${text}" is no address of the host`, FORM);
}

function wrongForm(text: string): Error {
  return usageError(`cannot read --port: "${text}" is not ${FORM}`);
}
