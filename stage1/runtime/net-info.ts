import { GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import { readSmallFile } from '#base/fs/small-file';
import { netInfoPath } from '../layout/pod-paths.ts';

/** A network that a pod is on. The first six are rkt's, with rkt's names; the others are there when known. */
export interface NetInfo {
  readonly netName: string;
  /** The file that configures the network. */
  readonly netConf: string;
  /** Of the network's first plugin. */
  readonly pluginPath: string;
  readonly ifName: string;
  /** The first IPv4 address, else the first of all; empty when the network gave none. */
  readonly ip: string;
  /** The part of `--net` after the colon. */
  readonly args: string;
  /** Of `ip`, as an IPv4 address is masked; empty for others. */
  readonly mask: string;
  /** All addresses in CIDR notation, of both families. */
  readonly ips?: readonly string[] | undefined;
  /** The next hop of `ip`. */
  readonly gateway?: string | undefined;
  readonly mac?: string | undefined;
}

/** The newest version of the record. */
const NET_INFO_VERSION = 1;

/** `version` is ours; rkt's record is the bare list of networks. */
interface NetInfoRecord {
  readonly version: typeof NET_INFO_VERSION;
  readonly networks: readonly NetInfo[];
}

/** Notes in the pod directory which networks the pod is on. */
export function writeNetInfo(podDir: string, networks: readonly NetInfo[]): void {
  const record: NetInfoRecord = { version: NET_INFO_VERSION, networks };
  writeFileAtomic(netInfoPath(podDir), JSON.stringify(record), { mode: 0o644, durable: false });
}

/** More than the networks of a pod take. */
const RECORD_BYTES = 1024 * 1024;

/**
 * The networks that a pod is on, or was. A record of rkt's own is read too; what
 * of a record makes no sense is left out, for a stage1 of others may have written it.
 * @throws GantryError RECORD_TOO_NEW, FILE_UNREADABLE where something else is in place of the record
 */
export function readNetInfo(podDir: string): readonly NetInfo[] {
  let record: unknown;
  try {
    record = JSON.parse(readSmallFile(netInfoPath(podDir), RECORD_BYTES) ?? '[]');
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
  if (isRecord(record)) refuseNewer(record['version']);
  const networks: unknown = isRecord(record) ? record['networks'] : record;

  return Array.isArray(networks) ? networks.flatMap(readOne) : [];
}

function refuseNewer(version: unknown): void {
  if (typeof version !== 'number' || version <= NET_INFO_VERSION) return;

  throw new GantryError(
    'RECORD_TOO_NEW',
    `cannot read the networks of a pod: the record is of version ${version}`,
    { hint: 'a newer gantry ran the pod: use that one' },
  );
}

function readOne(value: unknown): readonly NetInfo[] {
  if (!isRecord(value) || typeof value['netName'] !== 'string') return [];
  const text = (name: string): string => {
    const field = value[name];
    return typeof field === 'string' ? field : '';
  };
  const { ips } = value;
  const [gateway, mac] = [text('gateway'), text('mac')];

  return [
    {
      netName: text('netName'),
      netConf: text('netConf'),
      pluginPath: text('pluginPath'),
      ifName: text('ifName'),
      ip: text('ip'),
      args: text('args'),
      mask: text('mask'),
      ...(Array.isArray(ips) ? { ips: ips.filter((ip) => typeof ip === 'string') } : {}),
      ...(gateway === '' ? {} : { gateway }),
      ...(mac === '' ? {} : { mac }),
    },
  ];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
