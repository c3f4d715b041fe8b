import { describe, expect, it } from 'vitest';
import { parametersOf } from '../../test/helpers/cni-bench.ts';
import { type AttachmentParameters, checkParameters } from './parameters.ts';

const mapping = { hostPort: 80, containerPort: 80, protocol: 'tcp' } as const;

describe('checkParameters()', () => {
  it('takes every well-known capability, and others', () => {
    const parameters = parametersOf('c', 'eth0', {
      args: [
        ['IP', '10.0.0.1'],
        ['ODD', 'a=b c"ü'],
      ],
      capabilityArgs: {
        portMappings: [mapping, { ...mapping, protocol: 'sctp', hostIP: '::1' }],
        ipRanges: [[{ subnet: '10.1.0.0/24', rangeStart: '10.1.0.3', gateway: '10.1.0.1' }]],
        bandwidth: { ingressRate: 1000, ingressBurst: 0 },
        dns: { servers: ['8.8.8.8'] },
        ips: ['10.0.0.1', 'fd00::1/64'],
        mac: 'c2:11:22:33:44:55',
        infinibandGUID: 'c2:11:22:33:44:55:66:77',
        deviceID: '0000:04:00.5',
        aliases: ['a'],
        cgroupPath: '/a',
        ioBandwidth: { anything: true },
      },
    });

    expect(() => checkParameters(parameters)).not.toThrow();
  });

  const refused: readonly (readonly [Partial<AttachmentParameters>, string])[] = [
    [{ netns: 'run/netns/a' }, 'the network namespace "run/netns/a" is not an absolute path'],
    [{ netns: '/a\0b' }, 'is not an absolute path'],
    [{ args: [['', 'x']] }, 'the argument "=x"'],
    [{ args: [['A', 'x;B=y']] }, 'the argument "A=x;B=y"'],
    [{ args: [['A=B', 'x']] }, 'the argument'],
    [{ args: [['A', 'x\n']] }, 'the argument "A=x\\n"'],
    [{ capabilityArgs: { portMappings: [{ ...mapping, hostPort: 0 }] } }, 'is no port mapping'],
    [{ capabilityArgs: { portMappings: [{ ...mapping, containerPort: 65_536 }] } }, 'no port map'],
    [{ capabilityArgs: { portMappings: [{ ...mapping, hostPort: 1.5 }] } }, 'is no port mapping'],
    [{ capabilityArgs: { portMappings: [{ ...mapping, hostIP: 'host' }] } }, 'no port mapping'],
    [
      { capabilityArgs: { portMappings: [{ ...mapping, protocol: 'icmp' as 'tcp' }] } },
      'is no port mapping',
    ],
    [{ capabilityArgs: { ips: ['10.0.0.256'] } }, '"10.0.0.256" is no IP address'],
    [{ capabilityArgs: { ipRanges: [[{ subnet: '10.0.0.0' }]] } }, 'is no address range'],
    [
      { capabilityArgs: { ipRanges: [[{ subnet: '10.0.0.0/8', gateway: 'fd00::1' }]] } },
      'is no address range',
    ],
    [{ capabilityArgs: { mac: 'c2:11:22:33:44' } }, 'is no MAC address'],
    [{ capabilityArgs: { infinibandGUID: 'c2:11:22:33:44:55' } }, 'is no InfiniBand GUID'],
    [{ capabilityArgs: { bandwidth: { egressRate: -1 } } }, 'a bandwidth is a whole number'],
  ];

  it.each(refused)('refuses %j', (extra, words) => {
    expect(() => checkParameters(parametersOf('c', 'eth0', extra))).toThrow(words);
  });
});
