import type { CniVersion } from '../version/cni-version.ts';

/** What ADD gives, in the words of spec 1.1, section 5, whatever version the plugin speaks. */
export interface CniResult {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultAddress[];
  readonly routes: readonly ResultRoute[];
  readonly dns: ResultDns;
}

/** An interface that the attachment made, on the host's side too. Versions before 0.3.0 tell of none. */
export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  /** Since 1.1.0, as the next two after `sandbox`. */
  readonly mtu?: number;
  /** The network namespace; absent for an interface on the host. */
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface ResultAddress {
  /** In CIDR notation, of either family. */
  readonly address: string;
  readonly gateway?: string;
  /** Index into `interfaces`. */
  readonly interface?: number;
}

export interface ResultRoute {
  /** In CIDR notation. */
  readonly dst: string;
  /** The next hop; the `gateway` of an address of the same family when absent. */
  readonly gw?: string;
  /** Since 1.1.0, as all below. */
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

export interface ResultDns {
  readonly nameservers: readonly string[];
  readonly domain?: string;
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** The form of a result: versions that share one differ in `cniVersion` only. */
export type ResultForm = 'families' | 'versioned-ips' | 'ips' | 'extended';

const FORMS: Readonly<Record<CniVersion, ResultForm>> = {
  '0.1.0': 'families',
  '0.2.0': 'families',
  '0.3.0': 'versioned-ips',
  '0.3.1': 'versioned-ips',
  '0.4.0': 'versioned-ips',
  '1.0.0': 'ips',
  '1.1.0': 'extended',
};

/** The form that results of a version have. */
export function resultFormOf(version: CniVersion): ResultForm {
  return FORMS[version];
}

/** A result that says nothing. */
export const EMPTY_RESULT: CniResult = {
  interfaces: [],
  ips: [],
  routes: [],
  dns: { nameservers: [], search: [], options: [] },
};
