import { describe, expect, it } from 'vitest';
import { parseNetworkConfig } from '#cni';
import { parseRoutes, parseRoutes6, routeOverlaps } from './route-overlaps.ts';

const network = (plugin: object): ReturnType<typeof parseNetworkConfig> =>
  parseNetworkConfig(JSON.stringify({ name: 'n', ...plugin }), 'n.conf');
const hostLocal = (...subnets: readonly string[]): object => ({
  type: 'host-local',
  ranges: subnets.map((subnet) => [{ subnet }]),
});
const route = (destination: string, length: number, device = 'eth0'): object => ({
  destination,
  length,
  device,
});
const overlaps = (plugin: object, ...routes: readonly object[]): readonly string[] =>
  routeOverlaps(network(plugin), routes as never);

describe('parseRoutes()', () => {
  it('reads what the kernel prints', () => {
    const text = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT',
      'eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
      'eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
    ];

    expect(parseRoutes(`${text.join('\n')}\n`)).toEqual([
      route('0.0.0.0', 0),
      route('192.168.0.0', 24),
    ]);
  });
});

describe('parseRoutes6()', () => {
  it('reads what the kernel prints, but for what is on every interface', () => {
    const zero = '0'.repeat(32);
    const line = (destination: string, length: string): string =>
      `${destination} ${length} ${zero} 00 ${zero} 00000100 00000001 00000000 00000001     eth0\n`;

    expect(
      parseRoutes6(line(`fd90${'0'.repeat(28)}`, '40') + line(`fe80${'0'.repeat(28)}`, '40')),
    ).toEqual([route('fd90:0000:0000:0000:0000:0000:0000:0000', 64)]);
  });
});

describe('routeOverlaps()', () => {
  const ptp = { type: 'ptp', ipam: hostLocal('10.1.0.0/16', 'fd90::/64') };

  it('names the route, whichever is the larger', () => {
    expect(
      overlaps(
        ptp,
        route('10.0.0.0', 8),
        route('10.2.0.0', 16),
        route('10.1.2.0', 24),
        route('fd90::', 48),
      ),
    ).toEqual([
      'network "n": its subnet 10.1.0.0/16 overlaps the route of this host to 10.0.0.0/8 by eth0',
      'network "n": its subnet 10.1.0.0/16 overlaps the route of this host to 10.1.2.0/24 by eth0',
      'network "n": its subnet fd90::/64 overlaps the route of this host to fd90::/48 by eth0',
    ]);
  });

  it('takes no offence at the default route, at its own, nor where the addresses are another’s', () => {
    expect(overlaps(ptp, route('0.0.0.0', 0), route('10.1.0.7', 32, 'veth1'))).toEqual([]);
    expect(overlaps({ ...ptp, type: 'bridge' }, route('10.1.0.0', 16, 'cni0'))).toEqual([]);
    expect(overlaps({ ...ptp, type: 'macvlan' }, route('10.1.0.0', 16))).toEqual([]);
    expect(overlaps({ type: 'ptp', ipam: { type: 'dhcp' } }, route('10.1.0.0', 16))).toEqual([]);
  });

  it('leaves what is no subnet to its plugin', () => {
    const ipam = hostLocal('10.300.0.0/24', '10.1.0.0/33', 'fd90::/129');

    expect(overlaps({ type: 'ptp', ipam }, route('10.1.0.0', 16))).toEqual([]);
  });
});
