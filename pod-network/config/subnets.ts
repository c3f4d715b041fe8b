import { isCidr, isJsonObject } from '#cni';

/**
 * The subnets from which a plugin's `ipam` section gives addresses: host-local
 * knows one of its own, and sets of ranges. Those of other IPAM plugins are not
 * to be known beforehand, and what is no subnet its plugin refuses.
 */
export function subnetsOf(ipam: unknown): readonly string[] {
  if (!isJsonObject(ipam) || ipam['type'] !== 'host-local') return [];
  const { ranges } = ipam;
  const sets: readonly unknown[] = Array.isArray(ranges) ? ranges.flat() : [];

  return [ipam, ...sets].flatMap((range) => {
    const subnet = isJsonObject(range) ? range['subnet'] : undefined;
    return typeof subnet === 'string' && isCidr(subnet) ? [subnet] : [];
  });
}
