/** A cgroup hierarchy and where the calling process is in it. */
export interface Hierarchy {
  /** As in proc_pid_cgroup(5): empty for v2, `cpu,cpuacct` or `name=systemd` for v1. */
  readonly controllers: string;
  /** Where it is mounted, whole. */
  readonly mountPoint: string;
  /** The process's cgroup, absolute in the hierarchy. */
  readonly path: string;
}

/**
 * The hierarchies that are mounted and in which a process has a place; one of
 * which only a part is mounted, or read-only, is left out.
 * @param cgroup text of /proc/self/cgroup
 * @param mountinfo text of /proc/self/mountinfo
 */
export function findHierarchies(cgroup: string, mountinfo: string): readonly Hierarchy[] {
  const mounts = mountinfo.split('\n').flatMap((line) => parseCgroupMount(line) ?? []);

  return cgroup.split('\n').flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    const [controllers, path] = [match?.[1], match?.[2]];
    if (controllers === undefined || path === undefined) return [];

    const mount = mounts.find((each) => holds(each, controllers));
    return mount === undefined ? [] : [{ controllers, mountPoint: mount.mountPoint, path }];
  });
}

interface CgroupMount {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  readonly options: readonly string[];
}

/** One line of mountinfo: `ID PARENT DEV ROOT MOUNTPOINT OPTIONS … - TYPE SOURCE SUPEROPTIONS`. */
function parseCgroupMount(line: string): CgroupMount | undefined {
  const [left = '', right = ''] = line.split(' - ');
  const [type, , options = ''] = right.split(' ');
  if (type !== 'cgroup' && type !== 'cgroup2') return undefined;

  const [, , , root, mountPoint, flags = ''] = left.split(' ');
  if (root !== '/' || mountPoint === undefined) return undefined;
  // In a container the controllers of version 1 are often there to look at only.
  if (flags.split(',').includes('ro')) return undefined;
  return { version: type === 'cgroup' ? 1 : 2, mountPoint, options: options.split(',') };
}

function holds({ version, options }: CgroupMount, controllers: string): boolean {
  if (controllers === '') return version === 2;

  return version === 1 && controllers.split(',').every((name) => options.includes(name));
}
