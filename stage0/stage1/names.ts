import { writeFileSync } from 'node:fs';
import {
  formatHosts,
  formatResolvConf,
  hostsPath,
  type RunArguments,
  resolvConfPath,
} from '#stage1';
import type { RunOptions } from '../operations/requests.ts';
import { makeParent } from './pod-mounts.ts';

/** Who says what is in the apps' resolv.conf and hosts. */
export function dnsConfMode({ dns, hosts }: RunOptions): RunArguments['dnsConfMode'] {
  return { resolv: resolvMode(dns), hosts: hostsMode(hosts) };
}

function resolvMode({
  servers,
  search,
  options,
  domain,
}: RunOptions['dns']): RunArguments['dnsConfMode']['resolv'] {
  if (servers === 'host' || servers === 'none') return servers;
  const asked =
    (servers?.length ?? 0) > 0 || search.length > 0 || options.length > 0 || domain !== undefined;

  return asked ? 'stage0' : 'default';
}

function hostsMode(hosts: RunOptions['hosts']): RunArguments['dnsConfMode']['hosts'] {
  if (hosts === undefined) return 'default';

  return hosts === 'host' ? 'host' : 'stage0';
}

/**
 * Writes what stage 0 is to say, into stage1's root as the pod has it.
 * @param hostname undefined where the pod has none of its own
 */
export function writeNames(
  podDir: string,
  options: RunOptions,
  hostname: string | undefined,
): void {
  const { dns, hosts } = options;
  const mode = dnsConfMode(options);
  if (mode.resolv === 'stage0') {
    const servers = Array.isArray(dns.servers) ? (dns.servers as readonly string[]) : [];
    writeFileSync(makeParent(resolvConfPath(podDir)), formatResolvConf({ ...dns, servers }), {
      mode: 0o644,
    });
  }
  if (mode.hosts === 'stage0' && Array.isArray(hosts)) {
    writeFileSync(makeParent(hostsPath(podDir)), formatHosts(hostname, hosts), { mode: 0o644 });
  }
}
