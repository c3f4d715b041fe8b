import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { canonicalAddress, type PortProtocol } from '#stage1';

/** A socket of the host to which a port belongs already. */
export interface Listener {
  readonly protocol: PortProtocol;
  /** `0.0.0.0` or `::` for every address. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

/** The state that means so: TCP_LISTEN; of UDP, TCP_CLOSE, which is a socket without a peer (net/tcp_states.h). */
const TABLES = [
  { file: 'tcp', protocol: 'tcp', state: '0A' },
  { file: 'tcp6', protocol: 'tcp', state: '0A' },
  { file: 'udp', protocol: 'udp', state: '07' },
  { file: 'udp6', protocol: 'udp', state: '07' },
] as const;

/** The listening sockets of this thread's network namespace: proc_pid_net(5). */
export function readListeners(): readonly Listener[] {
  return TABLES.flatMap(({ file, protocol, state }) =>
    parseSockets(readIfThere(`/proc/thread-self/net/${file}`), state).map((socket) => ({
      ...socket,
      protocol,
    })),
  );
}

/** @param text of `/proc/net/tcp` and its like */
export function parseSockets(text: string, state: string): readonly Omit<Listener, 'protocol'>[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', , found, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (found !== state) return [];

    return [{ address: parseAddress(address), port: Number.parseInt(port, 16), inode }];
  });
}

/** Words of 32 bits in the order of the machine's bytes, which is little-endian on all that gantry runs on. */
function parseAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) =>
    (word.match(/../g) ?? []).toReversed().map((byte) => Number.parseInt(byte, 16)),
  );
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );

  return canonicalAddress(groups.join(':'));
}

/** Whose a socket is, in words: `process "nginx" (123)`. */
export function describeOwner(inode: string): string {
  const wanted = `socket:[${inode}]`;
  const pid = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => hasDescriptor(name, wanted));

  return pid === undefined
    ? 'a socket of no process that can be seen'
    : `process "${readIfThere(`/proc/${pid}/comm`).trim()}" (${pid})`;
}

function hasDescriptor(pid: string, wanted: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === wanted;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
