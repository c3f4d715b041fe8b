import { describe, expect, it } from 'vitest';
import type { AppMount } from '#stage1';
import { type MountsRequest, planMounts } from './plan-mounts.ts';

const volume: AppMount = {
  volume: 'data',
  kind: 'host',
  source: '/srv',
  target: '/data',
  readOnly: true,
  recursive: false,
  shared: false,
};

function plan(given: Partial<MountsRequest>): readonly string[] {
  const steps = planMounts({
    podDir: '/pod',
    volumes: [],
    kept: [],
    readOnlyRoot: false,
    dnsConfMode: { resolv: 'default', hosts: 'default' },
    ...given,
  });

  return steps.map((step) => {
    const source = 'source' in step ? `${step.source} ` : '';
    const target = 'target' in step ? step.target : '';
    const flags = 'readOnly' in step && step.readOnly ? ' ro' : '';
    return `${step.kind} ${source}${target}${flags}`.trim();
  });
}

describe('planMounts()', () => {
  it('keeps what the image has in its volumes before all else, on a root to be sealed', () => {
    const steps = plan({ kept: ['/data'], volumes: [volume], readOnlyRoot: true });
    expect(steps.slice(0, 3)).toEqual(['root', 'keep /data', 'bind /dev /dev']);
    expect(steps.slice(-2)).toEqual(['bind /srv /data ro', 'seal']);
  });

  it('takes the kernel file systems of the host and a /tmp of its own', () => {
    expect(plan({})).toEqual([
      'bind /dev /dev',
      'bind /proc /proc',
      'bind /sys /sys',
      'tmpfs /tmp',
    ]);
  });

  it('puts volumes above all that, and seals the root last', () => {
    const shared = { ...volume, shared: true, readOnly: false, target: '/tmp/x' };

    expect(plan({ volumes: [volume, shared], readOnlyRoot: true })).toEqual([
      'root',
      'bind /dev /dev',
      'bind /proc /proc',
      'bind /sys /sys',
      'tmpfs /tmp',
      'bind /srv /data ro',
      'shared-bind /srv /tmp/x',
      'seal',
    ]);
  });

  it('brings names from where they are said to come from', () => {
    const of = (resolv: 'host' | 'stage0' | 'none', hosts: 'host' | 'stage0' | 'default') =>
      plan({ dnsConfMode: { resolv, hosts } }).slice(4);

    expect(of('none', 'default')).toEqual([]);
    expect(of('host', 'host')).toEqual([
      'bind /etc/resolv.conf /etc/resolv.conf',
      'bind /etc/hosts /etc/hosts',
    ]);
    expect(of('stage0', 'stage0')).toEqual([
      'bind /pod/stage1/rootfs/etc/rkt-resolv.conf /etc/resolv.conf',
      'bind /pod/stage1/rootfs/etc/rkt-hosts /etc/hosts',
    ]);
  });
});
