import { isIP } from 'node:net';
import type { DnsRequest, HostsEntry } from '../operations/requests.ts';
import { usageError } from './usage-error.ts';

/** What the `--dns…` flags say. */
export interface DnsFlags {
  readonly dns: readonly string[];
  readonly 'dns-search': readonly string[];
  readonly 'dns-opt': readonly string[];
  readonly 'dns-domain': string | undefined;
}

/** Reads the `--dns…` flags (fact sheet 5.4). @throws GantryError BAD_USAGE */
export function readDns(flags: DnsFlags): DnsRequest {
  const servers = readServers(flags.dns);
  const search = readWords(flags['dns-search'], '--dns-search');
  const options = readWords(flags['dns-opt'], '--dns-opt');
  const domain = flags['dns-domain'];
  if (domain !== undefined && domain !== '') checkWord(domain, '--dns-domain');
  const others = search.length + options.length > 0 || (domain ?? '') !== '';
  if (typeof servers === 'string' && others) {
    throw usageError(`cannot read --dns: "${servers}" leaves no room for other --dns flags`);
  }

  return { servers, search, options, domain: domain === '' ? undefined : domain };
}

function readServers(texts: readonly string[]): DnsRequest['servers'] {
  if (texts.length === 0) return undefined;

  const servers = texts.flatMap((text) => text.split(','));
  for (const word of ['host', 'none'] as const) {
    if (!servers.includes(word)) continue;
    if (servers.length === 1) return word;
    throw usageError(`cannot read --dns: "${word}" must be alone`);
  }
  const wrong = servers.find((server) => isIP(server) === 0);
  if (wrong !== undefined) {
    throw usageError(`cannot read --dns: "${wrong}" is no IP address, "host" or "none"`);
  }

  return servers;
}

function readWords(texts: readonly string[], flag: string): readonly string[] {
  const words = texts.flatMap((text) => text.split(','));
  for (const word of words) checkWord(word, flag);

  return words;
}

/** Each becomes a word of a line of resolv.conf(5). */
function checkWord(word: string, flag: string): void {
  if (!/^[\x21-\x7e]+$/.test(word)) throw usageError(`cannot read ${flag}: "${word}" is no word`);
}

/**
 * Reads every `--hosts-entry IP=NAME[,IP=NAME]|host`; names of one address are
 * put together, in the order that the addresses first came.
 * @returns undefined when the flag was not given
 * @throws GantryError BAD_USAGE
 */
export function readHosts(texts: readonly string[]): 'host' | readonly HostsEntry[] | undefined {
  if (texts.length === 0) return undefined;

  const items = texts.flatMap((text) => text.split(','));
  if (items.includes('host')) {
    if (items.length === 1) return 'host';
    throw usageError('cannot read --hosts-entry: "host" must be alone');
  }

  const names = new Map<string, string[]>();
  for (const item of items) {
    const at = item.lastIndexOf('=');
    const ip = item.slice(0, Math.max(at, 0));
    const name = item.slice(at + 1);
    if (isIP(ip) === 0 || !isHostname(name, { name: 253, label: LABEL_MAX })) {
      throw usageError(`cannot read --hosts-entry: "${item}" is not IP=NAME`);
    }
    const known = names.get(ip);
    if (known === undefined) names.set(ip, [name]);
    else known.push(name);
  }

  return [...names].map(([ip, hosts]) => ({ ip, names: hosts }));
}

/** HOST_NAME_MAX of limits.h on Linux, which knows no limit for the parts of a name. */
const HOST_NAME_MAX = 64;

/** RFC 1035 section 2.3.4. */
const LABEL_MAX = 63;

/** Reads `--hostname`. @returns undefined when it was not given or is empty @throws GantryError BAD_USAGE */
export function readHostname(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  // Names of the DNS may have them, systemd calls no machine so.
  if (isHostname(text, { name: HOST_NAME_MAX, label: HOST_NAME_MAX }) && !text.includes('_'))
    return text;

  throw usageError(
    `cannot read --hostname: "${text}" is no host name`,
    'letters, digits, dots and inner dashes, 64 characters at most',
  );
}

/** RFC 1123 section 2.1, and the underscores that people use. */
function isHostname(text: string, max: { readonly name: number; readonly label: number }): boolean {
  return (
    text.length <= max.name &&
    text
      .split('.')
      .every(
        (label) =>
          label.length <= max.label && /^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?$/.test(label),
      )
  );
}
