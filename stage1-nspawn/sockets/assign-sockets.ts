import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { ExposedPort } from '#schema/pod/pod-manifest';
import type { Port } from '#schema/pod/port';
import type { PassedSocket, SocketKind } from './passed-sockets.ts';

/** A socket that an app is started with. */
export interface AppSocket {
  readonly kind: SocketKind;
  /** As systemd.socket(5) writes it; the number alone stands for every address. */
  readonly address: string;
  /** What the app finds it under in `LISTEN_FDNAMES`. */
  readonly name: string;
  /** Whether the caller has opened it; else the pod's systemd does. */
  readonly passed: boolean;
}

/** An app as far as its sockets are concerned. */
export interface SocketApp {
  readonly name: string;
  readonly ports: readonly Port[];
}

/** What sd_listen_fds_with_names(3) says of a descriptor without a name. */
const UNNAMED = 'unknown';

/** One number of a port that an app is to be handed. */
interface WantedSocket {
  readonly app: string;
  readonly name: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** The number under which it would be passed. */
  readonly hostPort: number;
}

/**
 * Which sockets each app gets, by its name: those that the caller passed, in
 * their order, or else those of its socket-activated ports. A passed one belongs
 * to the app that declares its port (by its number, as the appc specification
 * has it; that of the host where `--port` names one), or to the only app.
 * @throws GantryError SOCKET_WITHOUT_APP, SOCKET_MISSING, SOCKET_TWICE, SOCKET_PROTOCOL
 */
export function assignSockets(
  apps: readonly SocketApp[],
  exposed: readonly ExposedPort[],
  passed: readonly PassedSocket[],
): ReadonlyMap<string, readonly AppSocket[]> {
  const wanted = apps.flatMap((app) => wantedSockets(app, exposed));
  refuseTwice(wanted);
  const handed = passed.map((socket) => ({ socket, ...ownerOf(socket, wanted, apps) }));

  return new Map(
    apps.map(({ name }) => {
      const own = handed.filter(({ app }) => app === name);
      const ports = wanted.filter(({ app }) => app === name);
      if (own.length === 0) return [name, ports.map(toListenOn)];
      refuseMissing(
        ports.filter((port) => !own.some(({ want }) => want === port)),
        own,
      );
      return [name, own.map(toHandOn)];
    }),
  );
}

interface Handed {
  readonly socket: PassedSocket;
  /** The port that it is. */
  readonly want?: WantedSocket | undefined;
}

function toHandOn({ socket, want }: Handed): AppSocket {
  const { kind, address, name = want?.name ?? UNNAMED } = socket;

  return { kind, address, name, passed: true };
}

function toListenOn({ protocol, port, name }: WantedSocket): AppSocket {
  const kind = protocol === 'tcp' ? 'Stream' : 'Datagram';

  return { kind, address: String(port), name, passed: false };
}

/** systemd listens on nothing more for a unit of which it was handed a part. */
function refuseMissing([missing]: readonly WantedSocket[], handed: readonly Handed[]): void {
  if (missing === undefined) return;
  const { app, name, protocol, port, hostPort } = missing;
  const got = handed.map(({ socket }) => socket.address).join(', ');

  throw new GantryError(
    'SOCKET_MISSING',
    `cannot start app "${app}" with its port "${name}", ${hostPort}/${protocol}: it was not handed over, but ${got} was`,
    {
      hint: `have the caller listen on ${hostPort}/${protocol}, or tell with --port=${name}:HOSTPORT that it does on another for ${port}`,
    },
  );
}

function wantedSockets(
  { name: app, ports }: SocketApp,
  exposed: readonly ExposedPort[],
): readonly WantedSocket[] {
  return ports
    .filter(({ socketActivated }) => socketActivated)
    .flatMap(({ name, protocol, port, count = 1 }) => {
      if (protocol !== 'tcp' && protocol !== 'udp') throw otherProtocol(app, name, protocol);
      const hostPort = exposed.find((each) => each.name === name)?.hostPort ?? port;
      return Array.from({ length: count }, (_, index) => ({
        app,
        name,
        protocol,
        port: port + index,
        hostPort: hostPort + index,
      }));
    });
}

function ownerOf(
  { fd, port, address }: PassedSocket,
  wanted: readonly WantedSocket[],
  apps: readonly SocketApp[],
): { readonly app: string; readonly want?: WantedSocket | undefined } {
  const want = wanted.find(
    ({ protocol, hostPort }) => protocol === port?.protocol && hostPort === port.number,
  );
  if (want !== undefined) return { app: want.app, want };
  const [only, ...others] = apps;
  if (only !== undefined && others.length === 0) return { app: only.name };

  throw new GantryError(
    'SOCKET_WITHOUT_APP',
    `cannot hand on descriptor ${fd}, which listens on ${address}: none of the apps ${apps.map(({ name }) => quoted(name)).join(', ')} declares it as a socket-activated port`,
    { hint: 'make a pod of each app, or declare the port with "socketActivated": true' },
  );
}

function refuseTwice(wanted: readonly WantedSocket[]): void {
  wanted.forEach((want, at) => {
    const other = wanted
      .slice(0, at)
      .find(({ protocol, port }) => protocol === want.protocol && port === want.port);
    if (other === undefined) return;
    throw new GantryError(
      'SOCKET_TWICE',
      `cannot listen on port ${want.port}/${want.protocol} for app "${want.app}": app "${other.app}" declares it as socket-activated as well`,
    );
  });
}

function otherProtocol(app: string, name: string, protocol: string): GantryError {
  return new GantryError(
    'SOCKET_PROTOCOL',
    `cannot listen on port "${name}" for app "${app}": its protocol is "${protocol}"; socket activation is for tcp and udp`,
  );
}
