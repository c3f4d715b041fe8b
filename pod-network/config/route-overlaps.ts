import { readFileSync } from 'node:fs';
import { BlockList, isIPv6 } from 'node:net';
import type { NetworkConfig } from '#cni';
import { subnetsOf } from './subnets.ts';

/** A route of the host. */
export interface HostRoute {
  readonly destination: string;
  readonly length: number;
  readonly device: string;
}

/** Plugins whose addresses are the host's to route; those of others lie in networks that are there already. */
const ROUTED: ReadonlySet<string> = new Set(['ptp', 'bridge']);
const DEFAULT_BRIDGE = 'cni0';

/**
 * Routes of the host that lead elsewhere what a network takes for its own, or
 * the other way round, each in words.
 */
export function routeOverlaps(
  { name, plugins }: NetworkConfig,
  routes: readonly HostRoute[],
): readonly string[] {
  return plugins
    .filter(({ type, ipamType }) => ROUTED.has(type) && ipamType === 'host-local')
    .flatMap(({ fields }) => {
      const bridge = typeof fields['bridge'] === 'string' ? fields['bridge'] : DEFAULT_BRIDGE;
      const foreign = routes.filter(
        ({ device, length }) => length > 0 && device !== bridge && !/^(?:veth|lo$)/.test(device),
      );
      return subnetsOf(fields['ipam']).flatMap((subnet) =>
        foreign
          .filter((route) => overlaps(subnet, `${route.destination}/${route.length}`))
          .map(
            ({ destination, length, device }) =>
              `network "${name}": its subnet ${subnet} overlaps the route of this host to ${destination}/${length} by ${device}`,
          ),
      );
    });
}

/** The routes of this thread's network namespace: proc_pid_net(5), and net/ipv6/route.c for the second. */
export function readRoutes(): readonly HostRoute[] {
  return [
    ...parseRoutes(readIfThere('/proc/thread-self/net/route')),
    ...parseRoutes6(readIfThere('/proc/thread-self/net/ipv6_route')),
  ];
}

/** @param text of `/proc/net/route` */
export function parseRoutes(text: string): readonly HostRoute[] {
  return lines(text)
    .slice(1)
    .flatMap(([device = '', destination = '', , , , , , mask = '']) => {
      const ones = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
      return mask === '' ? [] : [{ device, destination: reversed(destination), length: ones }];
    });
}

/** @param text of `/proc/net/ipv6_route` */
export function parseRoutes6(text: string): readonly HostRoute[] {
  return lines(text).flatMap(([destination = '', length = '', , , , , , , , device = '']) => {
    const groups = destination.match(/.{4}/g) ?? [];
    // Link-local and multicast routes are on every interface.
    const isOrdinary = device !== '' && !/^f[ef]/.test(destination);
    return isOrdinary
      ? [{ device, destination: groups.join(':'), length: Number.parseInt(length, 16) }]
      : [];
  });
}

function overlaps(one: string, other: string): boolean {
  return contains(one, other) || contains(other, one);
}

function contains(outer: string, inner: string): boolean {
  const [[network = '', length = ''], [address = '']] = [outer.split('/'), inner.split('/')];
  if (isIPv6(network) !== isIPv6(address)) return false;
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  list.addSubnet(network, Number(length), family);

  return list.check(address, family);
}

function lines(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/));
}

function reversed(hex: string): string {
  return (hex.match(/../g) ?? [])
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
