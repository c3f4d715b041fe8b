import { readFileSync, readlinkSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import type { Fd } from '#base/kernel/kernel';
import { type EntrypointHost, socketActivation } from '#stage1';

/** How a socket is listened on: `ListenStream=`, `ListenDatagram=` or `ListenSequentialPacket=` of systemd.socket(5). */
export type SocketKind = 'Stream' | 'Datagram' | 'SequentialPacket';

/** A socket that the caller of gantry has opened and handed over, sd_listen_fds(3). */
export interface PassedSocket {
  readonly fd: Fd;
  /** What the caller calls it. */
  readonly name: string | undefined;
  readonly kind: SocketKind;
  /** As systemd.socket(5) writes it: `0.0.0.0:80`, `[::]:80`, a path, or `@` and an abstract name. */
  readonly address: string;
  /** Of TCP and UDP. */
  readonly port?: { readonly protocol: 'tcp' | 'udp'; readonly number: number } | undefined;
}

/** A socket as the kernel's tables have it. */
export type KnownSocket = Omit<PassedSocket, 'fd' | 'name'> & { readonly inode: string };

/**
 * The sockets that the caller handed over, in their order. To be asked while
 * this process is in the network namespace that they belong to.
 * @throws GantryError SOCKET_UNUSABLE for what nobody listens on
 */
export async function readPassedSockets({
  env,
}: Pick<EntrypointHost, 'env'>): Promise<readonly PassedSocket[]> {
  const { fds, env: told } = socketActivation(env);
  if (fds.length === 0) return [];

  const { readListeners } = await import('#pod-network');
  const inet = readListeners().map(({ protocol, address, port, inode }) => ({
    kind: protocol === 'tcp' ? ('Stream' as const) : ('Datagram' as const),
    address: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    port: { protocol: protocol === 'tcp' ? ('tcp' as const) : ('udp' as const), number: port },
    inode,
  }));
  const known = [...inet, ...parseUnixSockets(readFileSync('/proc/thread-self/net/unix', 'utf8'))];
  const names = told['LISTEN_FDNAMES']?.split(':') ?? [];

  return Array.from({ length: Number(told['LISTEN_FDS']) }, (_, index) =>
    lookUp({ fd: FIRST_FD + index, name: names[index] || undefined }, known),
  );
}

/** The first descriptor of socket activation, sd_listen_fds(3). */
const FIRST_FD = 3;

function lookUp(
  passed: Pick<PassedSocket, 'fd' | 'name'>,
  known: readonly KnownSocket[],
): PassedSocket {
  const target = readTarget(passed.fd);
  const found = known.find(({ inode }) => target === `socket:[${inode}]`);
  if (found === undefined) {
    const what = target === undefined ? 'nothing' : `"${target}"`;
    throw new GantryError(
      'SOCKET_UNUSABLE',
      `cannot hand descriptor ${passed.fd} on to an app: it leads to ${what}, not to a listening socket of TCP, UDP or UNIX`,
      { hint: 'the flavor fly hands on every kind: --stage1-name=fly' },
    );
  }
  const { inode: _, ...socket } = found;

  return { ...passed, ...socket };
}

function readTarget(fd: Fd): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

/** `Type` of /proc/net/unix, socket(2). */
const UNIX_KINDS: Readonly<Record<string, SocketKind>> = {
  '0001': 'Stream',
  '0002': 'Datagram',
  '0005': 'SequentialPacket',
};
/** `Flags` of one that is listened on: SO_ACCEPTCON, linux/net.h. */
const ACCEPTS = '00010000';

/** @param text of `/proc/net/unix`: those with a name on which connections or datagrams come in */
export function parseUnixSockets(text: string): readonly KnownSocket[] {
  return text.split('\n').flatMap((line) => {
    const fields = /^\S+: \S+ \S+ (\S+) (\S+) \S+ +(\d+) ([/@].*)$/.exec(line);
    const [, flags, type = '', inode = '', address = ''] = fields ?? [];
    const kind = UNIX_KINDS[type];
    if (kind === undefined || (kind !== 'Datagram' && flags !== ACCEPTS)) return [];

    return [{ kind, address, inode }];
  });
}
