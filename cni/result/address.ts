import { isIP, isIPv4 } from 'node:net';

/** An IPv4 address in IPv6 clothes, in the form that the kernel and Go print. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Whether text is an IP address, without a zone. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** Whether text is an address with its prefix length: `10.1.2.3/24`. */
export function isCidr(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/');
  if (rest.length > 0 || !isAddress(address) || !/^(?:0|[1-9]\d{0,2})$/.test(prefix)) return false;

  return Number(prefix) <= (isIPv4(address) ? 32 : 128);
}

/** The family of an address, with or without its prefix length. An IPv4 address in IPv6 clothes is of family 4, as in Go. */
export function familyOf(address: string): 4 | 6 {
  const [bare = ''] = address.split('/');

  return isIPv4(bare) || MAPPED.test(bare) ? 4 : 6;
}
