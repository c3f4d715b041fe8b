import { describe, expect, it } from 'vitest';
import { boundingSet, CAPABILITIES, DEFAULT_CAPABILITIES } from './capabilities.ts';
import type { Isolator } from './isolator.ts';
import { isolatorsOf, makeIsolator } from './isolators-of.ts';

function view(...pairs: readonly (readonly [name: string, value: unknown])[]): unknown {
  return isolatorsOf({ isolators: pairs.map(([name, value]) => ({ name, value }) as Isolator) })
    .values;
}

describe('isolatorsOf()', () => {
  it('says nothing about an app without isolators', () => {
    expect(isolatorsOf({})).toEqual({ values: {}, warnings: [] });
  });

  it('reads every isolator of an app', () => {
    expect(
      view(
        [
          'os/linux/seccomp-remove-set',
          { set: ['reboot', '@rkt/default-blacklist'], errno: 'EPERM' },
        ],
        ['os/linux/capabilities-retain-set', { set: ['CAP_KILL', 'CAP_NET_ADMIN'] }],
        ['os/linux/no-new-privileges', true],
        ['os/linux/oom-score-adj', -1000],
        ['os/linux/cpu-shares', 262_144],
        ['os/linux/selinux-context', { user: 'u', role: 'r', type: 't', level: 's0:c1,c2' }],
        ['os/linux/apparmor-profile', { profile: 'rkt-default' }],
        ['resource/cpu', { request: '250m', limit: '500m' }],
        ['resource/memory', { limit: '1G' }],
        ['resource/block-bandwidth', { default: true, limit: '2M' }],
        ['resource/block-iops', { default: true, limit: 1000 }],
        ['resource/network-bandwidth', { default: true, limit: '1G' }],
      ),
    ).toEqual({
      seccomp: { mode: 'remove', set: ['reboot', '@rkt/default-blacklist'], errno: 'EPERM' },
      capabilities: { mode: 'retain', set: ['CAP_KILL', 'CAP_NET_ADMIN'] },
      noNewPrivileges: true,
      oomScoreAdj: -1000,
      cpuShares: 262_144,
      selinuxContext: { user: 'u', role: 'r', type: 't', level: 's0:c1,c2' },
      apparmorProfile: 'rkt-default',
      cpu: { request: 250n, limit: 500n },
      memory: { request: 1_000_000_000n, limit: 1_000_000_000n },
      blockBandwidth: { limit: 2_000_000n },
      blockIops: { limit: 1000n },
      networkBandwidth: { limit: 1_000_000_000n },
    });
  });

  it('reads the kernel settings of a pod', () => {
    const { values, warnings } = isolatorsOf(
      { isolators: [makeIsolator('os/unix/sysctl', { 'net.ipv4.ip_forward': '1' })] },
      'pod',
    );

    expect(values.sysctl).toEqual({ 'net.ipv4.ip_forward': '1' });
    expect(warnings).toEqual([]);
  });

  it('takes an errno of no characters as none', () => {
    expect(view(['os/linux/seccomp-retain-set', { set: ['@appc.io/all'], errno: '' }])).toEqual({
      seccomp: { mode: 'retain', set: ['@appc.io/all'] },
    });
  });

  it('means the last of several amounts', () => {
    expect(
      view(['resource/memory', { limit: '1Gi' }], ['resource/memory', { limit: '1Mi' }]),
    ).toEqual({ memory: { request: 1_048_576n, limit: 1_048_576n } });
  });

  it('tells what has no meaning, and what has none for an app', () => {
    const isolators = [
      { name: 'example.com/quota', value: null },
      { name: 'os/unix/sysctl', value: { 'net.ipv4.ip_forward': '1' } },
    ] as unknown as readonly Isolator[];

    expect(isolatorsOf({ isolators })).toEqual({
      values: {},
      warnings: [
        'isolator "example.com/quota" is ignored: it is not known',
        'isolator "os/unix/sysctl" is ignored: it has no meaning for an app',
      ],
    });
  });

  it.each([
    ['os/linux/seccomp-retain-set', 'os/linux/seccomp-remove-set', { set: ['read'] }],
    ['os/linux/seccomp-retain-set', 'os/linux/seccomp-retain-set', { set: ['read'] }],
    ['os/linux/capabilities-retain-set', 'os/linux/capabilities-remove-set', { set: ['CAP_KILL'] }],
    ['os/linux/cpu-shares', 'os/linux/cpu-shares', 5],
    ['os/linux/oom-score-adj', 'os/linux/oom-score-adj', 5],
  ])('refuses %s beside %s', (first, second, value) => {
    expect(() => view([first, value], [second, value])).toThrow(
      `isolators of an app: [1]: "${second}" cannot be used beside "${first}"`,
    );
  });
});

describe('makeIsolator()', () => {
  it.each([
    ['os/linux/seccomp-retain-set', {}, 'value.set: is required'],
    ['os/linux/seccomp-retain-set', { set: [] }, 'value.set: must not be empty'],
    [
      'os/linux/seccomp-retain-set',
      { set: ['READ'] },
      'value.set[0]: must be the name of a system',
    ],
    [
      'os/linux/seccomp-retain-set',
      { set: ['@all'] },
      'value.set[0]: must be the name of a system',
    ],
    [
      'os/linux/seccomp-retain-set',
      { set: ['@a/../b'] },
      'value.set[0]: must be the name of a syst',
    ],
    [
      'os/linux/seccomp-retain-set',
      { set: ['read'], errno: 'perm' },
      'value.errno: must be the name',
    ],
    ['os/linux/capabilities-remove-set', { set: [] }, 'value.set: must not be empty'],
    [
      'os/linux/capabilities-remove-set',
      { set: ['CAP_NETADMIN'] },
      'value.set[0]: must be the name',
    ],
    ['os/linux/capabilities-remove-set', { set: ['KILL'] }, 'value.set[0]: must be the name'],
    ['os/linux/no-new-privileges', 'true', 'value: must be true or false'],
    ['os/linux/no-new-privileges', null, 'value: must be true or false'],
    ['os/linux/oom-score-adj', 1001, 'value: must be a whole number from -1000 to 1000, not 1001'],
    ['os/linux/oom-score-adj', 0.5, 'value: must be a whole number'],
    ['os/linux/cpu-shares', 1, 'value: must be a whole number from 2 to 262144, not 1'],
    ['os/linux/cpu-shares', '1024', 'value: must be a number'],
    ['os/linux/selinux-context', { user: 'a:b', role: 'r', type: 't', level: 'l' }, 'value.user: '],
    ['os/linux/selinux-context', { user: 'a', role: 'r', type: 't' }, 'value.level: is required'],
    ['os/linux/apparmor-profile', { profile: '' }, 'value.profile: must be the name of a profile'],
    ['os/linux/apparmor-profile', { profile: 'a\nb' }, 'value.profile: must be the name'],
    [
      'os/unix/sysctl',
      { '../../etc/passwd': 'x' },
      'value["../../etc/passwd"]: is no kernel setti',
    ],
    ['os/unix/sysctl', { 'net..x': 'x' }, 'value["net..x"]: is no kernel setting'],
    ['os/unix/sysctl', { 'net.x': 1 }, 'value["net.x"]: must be text'],
    ['os/unix/sysctl', { 'net.x': 'a\nb' }, 'value["net.x"]: must be one line of text'],
    ['resource/cpu', { limit: '-1' }, 'value.limit: must be a quantity'],
    ['resource/cpu', { limit: true }, 'value.limit: must be a quantity, as text or number'],
    ['resource/memory', { limit: '1G', default: true }, 'value.default: must not be true for'],
    ['resource/memory', '1G', 'value: must be an object'],
    ['resource/block-bandwidth', { limit: '2M' }, 'value.default: must be true'],
    ['resource/block-iops', { default: true }, 'value.limit: is required'],
    [
      'resource/network-bandwidth',
      { default: true, limit: '1', request: '1' },
      'value.request: must',
    ],
  ])('refuses %s of %j', (name, value, message) => {
    expect(() => makeIsolator(name, value)).toThrow(
      expect.objectContaining({
        code: 'ISOLATOR_INVALID',
        message: expect.stringContaining(`isolator "${name}": ${message}`),
      }),
    );
  });

  it('keeps a value as it was given', () => {
    const value = { limit: '1.50G', extra: [1] };

    expect(makeIsolator('resource/memory', value)).toEqual({ name: 'resource/memory', value });
  });
});

describe('boundingSet()', () => {
  it('is the default set when nothing is said', () => {
    expect(boundingSet(undefined)).toEqual(DEFAULT_CAPABILITIES);
    expect(DEFAULT_CAPABILITIES).toHaveLength(14);
  });

  it('takes from the default set, and only from it', () => {
    const set = boundingSet({ mode: 'remove', set: ['CAP_MKNOD', 'CAP_SYS_ADMIN'] });

    expect(set).toHaveLength(13);
    expect(set).not.toContain('CAP_MKNOD');
  });

  it('is what is retained, each once', () => {
    expect(boundingSet({ mode: 'retain', set: ['CAP_SYS_ADMIN', 'CAP_SYS_ADMIN'] })).toEqual([
      'CAP_SYS_ADMIN',
    ]);
  });
});

describe('CAPABILITIES', () => {
  it('has each at its number', () => {
    expect(CAPABILITIES[0]).toBe('CAP_CHOWN');
    expect(CAPABILITIES[21]).toBe('CAP_SYS_ADMIN');
    expect(CAPABILITIES[27]).toBe('CAP_MKNOD');
    expect(CAPABILITIES[40]).toBe('CAP_CHECKPOINT_RESTORE');
    expect(new Set(CAPABILITIES).size).toBe(41);
  });
});
