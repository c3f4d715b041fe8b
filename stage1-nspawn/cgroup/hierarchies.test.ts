import { describe, expect, it } from 'vitest';
import { findHierarchies } from './hierarchies.ts';

const HYBRID_MOUNTS = `29 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
30 23 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
31 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
32 23 0:29 /part /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
33 23 0:30 / / rw - ext4 /dev/sda rw`;

describe('findHierarchies()', () => {
  it('finds all of a hybrid host, but those mounted only in part', () => {
    const own = '4:memory:/part/x\n3:cpu,cpuacct:/a\n1:name=systemd:/user/b:c\n0::/\n';

    expect(findHierarchies(own, HYBRID_MOUNTS)).toEqual([
      { controllers: 'cpu,cpuacct', mountPoint: '/sys/fs/cgroup/cpu,cpuacct', path: '/a' },
      { controllers: 'name=systemd', mountPoint: '/sys/fs/cgroup/systemd', path: '/user/b:c' },
      { controllers: '', mountPoint: '/sys/fs/cgroup/unified', path: '/' },
    ]);
  });

  it('finds the one of a v2 host', () => {
    const mounts = '29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate';

    expect(findHierarchies('0::/system.slice/a.service\n', mounts)).toEqual([
      { controllers: '', mountPoint: '/sys/fs/cgroup', path: '/system.slice/a.service' },
    ]);
  });

  it('leaves out what a container may only look at', () => {
    const mounts = `29 23 0:26 / /sys/fs/cgroup/pids ro,nosuid - cgroup cgroup rw,pids
30 23 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd`;

    expect(findHierarchies('2:pids:/\n1:name=systemd:/a\n', mounts)).toEqual([
      { controllers: 'name=systemd', mountPoint: '/sys/fs/cgroup/systemd', path: '/a' },
    ]);
  });

  it('leaves out one in which the process is outside of its namespace', () => {
    expect(findHierarchies('1:name=systemd:/..\n0::/../b\n', HYBRID_MOUNTS)).toEqual([]);
  });

  it('finds none where nothing is mounted', () => {
    expect(findHierarchies('0::/\n', '')).toEqual([]);
  });
});
