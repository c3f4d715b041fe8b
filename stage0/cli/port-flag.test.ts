import { describe, expect, it } from 'vitest';
import { readPorts } from './port-flag.ts';

describe('readPorts()', () => {
  it.each([
    ['www:80', { kind: 'declared', name: 'www', hostPort: 80 }],
    [
      '80-tcp:10.0.0.1:8080',
      { kind: 'declared', name: '80-tcp', hostPort: 8080, hostIP: '10.0.0.1' },
    ],
    ['www:[fe80::1]:80', { kind: 'declared', name: 'www', hostPort: 80, hostIP: 'fe80::1' }],
    ['8080:80/tcp', { kind: 'numbered', protocol: 'tcp', hostPort: 8080, podPort: 80, count: 1 }],
    [
      '[::1]:8000-8010:80-90/udp',
      { kind: 'numbered', protocol: 'udp', hostPort: 8000, podPort: 80, count: 11, hostIP: '::1' },
    ],
    [
      '127.0.0.1:5:6/sctp',
      {
        kind: 'numbered',
        protocol: 'sctp',
        hostPort: 5,
        podPort: 6,
        count: 1,
        hostIP: '127.0.0.1',
      },
    ],
  ])('reads %s', (text, port) => {
    expect(readPorts([text])).toEqual([port]);
  });

  it.each([
    ['www', /is not NAME:\[HOSTIP:\]HOSTPORT, or/],
    ['www:1:2:3', /is not NAME/],
    ['www:0', /from 1 to 65535/],
    ['www:localhost:80', /"localhost" is no address/],
    ['www:::1:80', /is not NAME/],
    ['www:[10.0.0.1]:80', /no address/],
    ['Www:80', /is no name/],
    ['80/tcp', /is not NAME/],
    ['80:80/icmp', /is not NAME/],
    ['80:80/', /is not NAME/],
    ['8000-8010:80-91/tcp', /11 ports of the host for 12 of the pod/],
    ['8010-8000:80/tcp', /no row of ports/],
    ['1-2-3:1-2-3/tcp', /no row of ports/],
    ['80:70000/tcp', /from 1 to 65535/],
  ])('refuses %s', (text, message) => {
    expect(() => readPorts([text])).toThrow(message);
  });
});
