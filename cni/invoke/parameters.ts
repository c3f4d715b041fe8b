import { isIPv4 } from 'node:net';
import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { JsonObject } from '../config/json.ts';
import type { ContainerId, InterfaceName } from '../config/names.ts';
import { isAddress, isCidr } from '../result/address.ts';

/** What belongs to one attachment and not to its network: spec 1.1, section 3. */
export interface AttachmentParameters {
  readonly containerId: ContainerId;
  /** Path of the network namespace, absolute. */
  readonly netns: string;
  readonly ifName: InterfaceName;
  /** `CNI_ARGS`, in order. */
  readonly args?: readonly (readonly [key: string, value: string])[] | undefined;
  /** Reaches the plugins that declare the capability, as `runtimeConfig`. */
  readonly capabilityArgs?: CapabilityArgs | undefined;
  /** Reaches every plugin, as `args.cni` of its configuration, and may be ignored: labels, ips. */
  readonly configArgs?: JsonObject | undefined;
}

/** The well-known capabilities of CONVENTIONS.md; others are handed on as they are. */
export interface CapabilityArgs {
  readonly portMappings?: readonly PortMapping[] | undefined;
  readonly ipRanges?: readonly (readonly IpRange[])[] | undefined;
  readonly bandwidth?: Bandwidth | undefined;
  readonly dns?: DnsArgs | undefined;
  /** Addresses, with or without prefix length. */
  readonly ips?: readonly string[] | undefined;
  /** `c2:11:22:33:44:55`. */
  readonly mac?: string | undefined;
  /** `c2:11:22:33:44:55:66:77`. */
  readonly infinibandGUID?: string | undefined;
  /** `0000:04:00.5`. */
  readonly deviceID?: string | undefined;
  /** Names by which others on the network find this container. */
  readonly aliases?: readonly string[] | undefined;
  readonly cgroupPath?: string | undefined;
  readonly [capability: string]: unknown;
}

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** All addresses of the host when absent. */
  readonly hostIP?: string | undefined;
}

export interface IpRange {
  readonly subnet: string;
  readonly rangeStart?: string | undefined;
  readonly rangeEnd?: string | undefined;
  readonly gateway?: string | undefined;
}

/** Rates in bits per second, bursts in bits; 0 is no limit. */
export interface Bandwidth {
  readonly ingressRate?: number | undefined;
  readonly ingressBurst?: number | undefined;
  readonly egressRate?: number | undefined;
  readonly egressBurst?: number | undefined;
}

export interface DnsArgs {
  readonly servers?: readonly string[] | undefined;
  readonly searches?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

/** Says what is wrong, or nothing. */
type Check = (parameters: AttachmentParameters) => string | undefined;

const checks: readonly Check[] = [
  ({ netns }) =>
    netns.startsWith('/') && !netns.includes('\0')
      ? undefined
      : `the network namespace ${quoted(netns)} is not an absolute path`,
  ({ args = [] }) => {
    const odd = args.find(
      ([key, value]) => key === '' || /[;=\p{Cc}]/u.test(key) || /[;\p{Cc}]/u.test(value),
    );
    return odd === undefined
      ? undefined
      : `the argument ${quoted(`${odd[0]}=${odd[1]}`)} has an empty name, ";" or a control character`;
  },
  ({ capabilityArgs }) => {
    const odd = capabilityArgs?.portMappings?.find((mapping) => !isPortMapping(mapping));
    return odd === undefined ? undefined : `${quoted(JSON.stringify(odd))} is no port mapping`;
  },
  ({ capabilityArgs }) => {
    const odd = capabilityArgs?.ips?.find((ip) => !isAddress(ip) && !isCidr(ip));
    return odd === undefined ? undefined : `${quoted(odd)} is no IP address`;
  },
  ({ capabilityArgs }) => {
    const odd = capabilityArgs?.ipRanges?.flat().find((range) => !isIpRange(range));
    return odd === undefined ? undefined : `${quoted(JSON.stringify(odd))} is no address range`;
  },
  ({ capabilityArgs }) =>
    hasOctets(capabilityArgs?.mac, 6)
      ? undefined
      : `${quoted(capabilityArgs?.mac ?? '')} is no MAC address`,
  ({ capabilityArgs }) =>
    hasOctets(capabilityArgs?.infinibandGUID, 8)
      ? undefined
      : `${quoted(capabilityArgs?.infinibandGUID ?? '')} is no InfiniBand GUID`,
  ({ capabilityArgs }) => {
    const rates = Object.values(capabilityArgs?.bandwidth ?? {});
    return rates.every(isRate) ? undefined : 'a bandwidth is a whole number of bits, 0 or more';
  },
];

/**
 * Refuses parameters that no plugin could use, before any is run.
 * @throws GantryError CNI_PARAMETERS_INVALID
 */
export function checkParameters(parameters: AttachmentParameters): void {
  for (const check of checks) {
    const wrong = check(parameters);
    if (wrong === undefined) continue;

    const { containerId } = parameters;
    throw new GantryError(
      'CNI_PARAMETERS_INVALID',
      `cannot attach the container ${quoted(containerId)}: ${wrong}`,
    );
  }
}

function isPortMapping({ hostPort, containerPort, protocol, hostIP }: PortMapping): boolean {
  const isHost = hostIP === undefined || hostIP === '' || isAddress(hostIP);

  return isPort(hostPort) && isPort(containerPort) && /^(?:tcp|udp|sctp)$/.test(protocol) && isHost;
}

function isPort(port: unknown): boolean {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535;
}

function isIpRange({ subnet, rangeStart, rangeEnd, gateway }: IpRange): boolean {
  const within = [rangeStart, rangeEnd, gateway].filter((address) => address !== undefined);
  const isV4 = isIPv4(subnet.split('/')[0] ?? '');

  return isCidr(subnet) && within.every((ip) => isAddress(ip) && isIPv4(ip) === isV4);
}

function hasOctets(address: string | undefined, count: number): boolean {
  if (address === undefined) return true;
  const octets = address.split(/[:-]/);

  return octets.length === count && octets.every((octet) => /^[0-9a-f]{2}$/i.test(octet));
}

function isRate(rate: unknown): boolean {
  return rate === undefined || (Number.isSafeInteger(rate) && (rate as number) >= 0);
}
