import { BlockList, isIP } from 'node:net';

/**
 * Whether a server is reached without a proxy, by the rules of Go's net/http,
 * which rkt had: loopback always; `*`; a name with all below it; `.name` for
 * those below it alone; an address or a block of addresses; each with a port
 * where only that is meant.
 * @param none as in NO_PROXY, a comma list
 */
export function isDirect(url: URL, none: string = ''): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || LOOPBACK.check(host, family(host))) return true;

  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return none
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && matches(entry, host, port));
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInBlock(entry, host);

  const [, bracketed, plain, wanted] =
    /^(?:\[(.*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  if (wanted !== undefined && wanted !== port) return false;
  const name = (bracketed ?? plain ?? '').replace(/^\*(?=\.)/, '');
  if (isIP(name) !== 0 || isIP(host) !== 0) return host === name;

  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`);
}

function isInBlock(entry: string, host: string): boolean {
  const [address = '', length = ''] = entry.split('/');
  if (isIP(host) === 0 || isIP(address) === 0 || !/^\d{1,3}$/.test(length)) return false;
  if (Number(length) > (isIP(address) === 4 ? 32 : 128)) return false;

  const block = new BlockList();
  block.addSubnet(address, Number(length), family(address));
  return block.check(host, family(host));
}

function family(host: string): 'ipv4' | 'ipv6' {
  return isIP(host) === 6 ? 'ipv6' : 'ipv4';
}
