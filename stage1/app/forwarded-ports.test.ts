import { describe, expect, it } from 'vitest';
import { parsePodManifest } from '#schema/pod/pod-manifest';
import { addressesOverlap, describePort, resolvePorts } from './forwarded-ports.ts';

type Ports = Parameters<typeof resolvePorts>;

const apps = (...ports: readonly object[]): Ports[1] => [{ name: 'web', ports: ports as never }];
const www = { name: 'www', protocol: 'tcp', port: 80 };
const resolve = (
  exposed: readonly object[],
  ...more: readonly object[]
): ReturnType<typeof resolvePorts> =>
  resolvePorts(exposed as unknown as Ports[0], apps(www, ...more));

describe('resolvePorts()', () => {
  it('finds declared ports by name, whole rows of them, and takes those that are spelled out', () => {
    const row = { name: 'row', protocol: 'udp', port: 100, count: 5 };
    const podPort = { name: 'x', protocol: 'sctp', port: 7 };

    expect(
      resolve(
        [
          { name: 'www', hostPort: 8080, hostIP: '127.0.0.1' },
          { name: 'row', hostPort: 200 },
          { name: 'x', hostPort: 1, podPort },
        ],
        row,
      ),
    ).toEqual([
      { name: 'www', protocol: 'tcp', hostIP: '127.0.0.1', hostPort: 8080, podPort: 80, count: 1 },
      { name: 'row', protocol: 'udp', hostPort: 200, podPort: 100, count: 5 },
      { name: 'x', protocol: 'sctp', hostPort: 1, podPort: 7, count: 1 },
    ]);
  });

  it.each([
    [[{ name: 'ftp', hostPort: 1 }], [], /no app declares it/],
    [[{ name: 'www', hostPort: 1 }], [www], /apps "web" and "web" declare one/],
    [
      [{ name: 'odd', hostPort: 1 }],
      [{ name: 'odd', protocol: 'icmp', port: 1 }],
      /protocol is "icmp"/,
    ],
    [
      [{ name: 'row', hostPort: 65_530 }],
      [{ name: 'row', protocol: 'tcp', port: 1, count: 9 }],
      /up to 65538/,
    ],
    [
      [
        { name: 'www', hostPort: 1 },
        { name: 'www', hostPort: 1, hostIP: '10.0.0.1' },
      ],
      [],
      /1\/tcp leads to "www"/,
    ],
    [
      [
        { name: 'www', hostPort: 205 },
        { name: 'row', hostPort: 200 },
      ],
      [{ name: 'row', protocol: 'tcp', port: 1, count: 9 }],
      /cannot forward 200-208\/tcp of the host to "row": 205\/tcp leads to "www"/,
    ],
  ])('refuses %j', (exposed, more, message) => {
    expect(() => resolve(exposed, ...more)).toThrow(message);
  });

  it.each([
    ['FD90:0::1', 'fd90::1'],
    ['::FFFF:10.0.2.1', '10.0.2.1'],
    ['0:0::0', '::'],
  ])('knows that %s is %s', (hostIP, canonical) => {
    expect(resolve([{ name: 'www', hostPort: 1, hostIP }])).toMatchObject([{ hostIP: canonical }]);
    expect(() =>
      resolve([
        { name: 'www', hostPort: 1, hostIP },
        { name: 'www', hostPort: 1, hostIP: canonical },
      ]),
    ).toThrow('leads to');
  });

  it('refuses an address that is of one interface only', () => {
    expect(() => resolve([{ name: 'www', hostPort: 1, hostIP: 'fe80::1%eth0' }])).toThrow(
      '"fe80::1%eth0" is of one interface only',
    );
  });

  it('takes one number twice for different addresses or protocols', () => {
    const dns = { name: 'dns', protocol: 'udp', port: 53 };
    expect(
      resolve(
        [
          { name: 'www', hostPort: 53, hostIP: '10.0.0.1' },
          { name: 'www', hostPort: 53, hostIP: '10.0.0.2' },
          { name: 'www', hostPort: 53, hostIP: '::1' },
          { name: 'dns', hostPort: 53 },
        ],
        dns,
      ),
    ).toHaveLength(4);
  });
});

describe('addressesOverlap()', () => {
  it('knows which addresses are every address', () => {
    expect(addressesOverlap(undefined, '::1')).toBe(true);
    expect(addressesOverlap('0.0.0.0', '127.0.0.1')).toBe(true);
    expect(addressesOverlap('0.0.0.0', '::1')).toBe(false);
    expect(addressesOverlap('::', '::1')).toBe(true);
    expect(addressesOverlap('10.0.0.1', '10.0.0.2')).toBe(false);
  });
});

describe('describePort()', () => {
  it('tells addresses of both families and rows', () => {
    expect(describePort({ protocol: 'udp', hostIP: '::1', hostPort: 5, count: 3 })).toBe(
      '[::1]:5-7/udp',
    );
  });
});

describe('a pod manifest', () => {
  it('may expose a port on an IPv6 address', () => {
    const text = JSON.stringify({
      acKind: 'PodManifest',
      acVersion: '0.8.11',
      apps: [],
      ports: [{ name: 'www', hostPort: 80, hostIP: '::1' }],
    });

    expect(parsePodManifest(text).ports?.[0]?.hostIP).toBe('::1');
  });
});
