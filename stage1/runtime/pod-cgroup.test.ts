import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { subcgroupPath } from '../layout/pod-paths.ts';
import { cgroupDir, isPodCgroupPopulated, readPodCgroups, writePodCgroups } from './pod-cgroup.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cgroup-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const MOUNTS = [
  '25 30 0:23 / /sys/fs/cgroup/unified rw,relatime shared:8 - cgroup2 cgroup2 rw',
  '26 30 0:24 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd',
  '27 30 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct',
].join('\n');

describe('cgroupDir()', () => {
  it('finds the folder in each hierarchy', () => {
    const at = (controllers: string): string | undefined =>
      cgroupDir({ controllers, path: '/pod' }, MOUNTS);

    expect(at('')).toBe('/sys/fs/cgroup/unified/pod');
    expect(at('name=systemd')).toBe('/sys/fs/cgroup/systemd/pod');
    expect(at('cpu,cpuacct')).toBe('/sys/fs/cgroup/cpu,cpuacct/pod');
    expect(at('freezer')).toBeUndefined();
  });

  it('prefers where it can be written', () => {
    const twice = [
      '25 30 0:25 / /sys/fs/cgroup/cpu ro,relatime - cgroup cgroup rw,cpu',
      '26 30 0:25 / /host/cpu rw,relatime - cgroup cgroup rw,cpu',
      '27 30 0:26 / /sys/fs/cgroup/pids ro,relatime - cgroup cgroup rw,pids',
    ].join('\n');

    expect(cgroupDir({ controllers: 'cpu', path: '/pod' }, twice)).toBe('/host/cpu/pod');
    expect(cgroupDir({ controllers: 'pids', path: '/pod' }, twice)).toBe('/sys/fs/cgroup/pids/pod');
  });
});

describe('readPodCgroups()', () => {
  it('reads back what was written', () => {
    const cgroups = [
      { controllers: '', path: '/gantry/pod' },
      { controllers: 'name=systemd', path: '/gantry/pod' },
    ];
    writePodCgroups(dir, cgroups);

    expect(readPodCgroups(dir)).toEqual(cgroups);
  });

  it('passes over lines that name a root or climb', () => {
    writeFileSync(subcgroupPath(dir), ':/\nname=systemd:/../x\nnonsense\n:relative\n:/pod\n');

    expect(readPodCgroups(dir)).toEqual([{ controllers: '', path: '/pod' }]);
  });

  it('finds none where none was written', () => {
    expect(readPodCgroups(dir)).toEqual([]);
    expect(isPodCgroupPopulated(dir)).toBe(false);
  });
});
