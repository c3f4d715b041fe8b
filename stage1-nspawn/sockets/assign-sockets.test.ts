import { describe, expect, it } from 'vitest';
import { parseAcName } from '#schema/types/names';
import type { Port } from '#schema/pod/port';
import { assignSockets } from './assign-sockets.ts';
import type { PassedSocket } from './passed-sockets.ts';

const port = (name: string, number: number, more: Partial<Port> = {}): Port => ({
  name: parseAcName(name),
  protocol: 'tcp',
  port: number,
  socketActivated: true,
  ...more,
});
const tcp = (fd: number, number: number, name?: string): PassedSocket => ({
  fd,
  name,
  kind: 'Stream',
  address: `0.0.0.0:${number}`,
  port: { protocol: 'tcp', number },
});
const web = {
  name: 'web',
  ports: [
    port('www', 80, { count: 2 }),
    port('plain', 81, { socketActivated: false, protocol: 'any' }),
  ],
};
const dns = { name: 'dns', ports: [port('dns', 53, { protocol: 'udp' })] };

const assigned = (
  ...args: Parameters<typeof assignSockets>
): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    [...assignSockets(...args)].map(([app, sockets]) => [
      app,
      sockets.map(
        ({ kind, address, name, passed }) => `${kind} ${address} ${name}${passed ? ' passed' : ''}`,
      ),
    ]),
  );

describe('assignSockets()', () => {
  it('has what nobody passed listened on', () => {
    expect(assigned([web, dns], [], [])).toEqual({
      web: ['Stream 80 www', 'Stream 81 www'],
      dns: ['Datagram 53 dns'],
    });
  });

  it('gives each app what is passed of its ports, in the order of the descriptors', () => {
    expect(assigned([web, dns], [], [tcp(3, 81, 'b'), tcp(4, 80)])).toEqual({
      web: ['Stream 0.0.0.0:81 b passed', 'Stream 0.0.0.0:80 www passed'],
      dns: ['Datagram 53 dns'],
    });
  });

  it('goes by the number of the host where one is named', () => {
    const exposed = [{ name: parseAcName('www'), hostPort: 8080 }];

    expect(assigned([web, dns], exposed, [tcp(3, 8081), tcp(4, 8080)])).toMatchObject({
      web: ['Stream 0.0.0.0:8081 www passed', 'Stream 0.0.0.0:8080 www passed'],
    });
    expect(() => assigned([web, dns], exposed, [tcp(3, 80)])).toThrow(
      /cannot hand on descriptor 3, which listens on 0\.0\.0\.0:80: none of the apps "web", "dns"/,
    );
  });

  it('refuses an app of whose ports some are passed', () => {
    expect(() => assigned([web], [], [tcp(3, 80), tcp(4, 8081)])).toThrow(
      'cannot start app "web" with its port "www", 81/tcp: it was not handed over, but 0.0.0.0:80, 0.0.0.0:8081 was',
    );
  });

  it('gives the only app everything', () => {
    const unix: PassedSocket = { fd: 3, name: undefined, kind: 'Datagram', address: '/run/log' };

    expect(assigned([{ name: 'web', ports: [] }], [], [unix, tcp(4, 1, 'x')])).toEqual({
      web: ['Datagram /run/log unknown passed', 'Stream 0.0.0.0:1 x passed'],
    });
  });

  it('refuses what two apps listen on, and what systemd cannot', () => {
    const other = { name: 'other', ports: [port('mine', 81)] };

    expect(() => assigned([web, other], [], [])).toThrow(
      'cannot listen on port 81/tcp for app "other": app "web" declares it as socket-activated as well',
    );
    expect(() =>
      assigned([{ name: 'a', ports: [port('s', 1, { protocol: 'sctp' })] }], [], []),
    ).toThrow(/its protocol is "sctp"/);
  });
});
