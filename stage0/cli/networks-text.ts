import { isIPv6 } from 'node:net';
import type { PodStatus } from '../operations/outcomes.ts';

/** The networks of a pod as rkt's tables have them, `name:ip4=ADDRESS, …`; further addresses follow after a comma. */
export function networksText({ networks }: Pick<PodStatus, 'networks'>): string {
  return networks.map(({ netName, ip, ips = [] }) => `${netName}:${addresses(ip, ips)}`).join(', ');
}

function addresses(ip: string, ips: readonly string[]): string {
  const others = ips.map((each) => each.split('/')[0] ?? each).filter((each) => each !== ip);
  const all = ip === '' ? others : [ip, ...others];

  return all.map((each) => `${isIPv6(each) ? 'ip6' : 'ip4'}=${each}`).join(',');
}
