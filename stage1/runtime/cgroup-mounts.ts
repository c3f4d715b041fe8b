/** A cgroup hierarchy, mounted whole. */
export interface CgroupMount {
  /** As in proc_pid_cgroup(5): empty for v2, else among the controllers of v1. */
  readonly holds: (controllers: string) => boolean;
  readonly mountPoint: string;
  readonly readOnly: boolean;
}

/**
 * Where hierarchies are mounted with their root, those that can be written first:
 * in a container the controllers of version 1 are often there to look at only,
 * and one hierarchy may be mounted in several places.
 * @param mountinfo text of /proc/self/mountinfo
 */
export function cgroupMounts(mountinfo: string): readonly CgroupMount[] {
  const mounts = mountinfo.split('\n').flatMap((line) => parseMount(line) ?? []);

  return mounts.toSorted((one, other) => Number(one.readOnly) - Number(other.readOnly));
}

/** One line of mountinfo: `ID PARENT DEV ROOT MOUNTPOINT OPTIONS … - TYPE SOURCE SUPEROPTIONS`. */
function parseMount(line: string): CgroupMount | undefined {
  const [left = '', right = ''] = line.split(' - ');
  const [type, , superOptions = ''] = right.split(' ');
  if (type !== 'cgroup' && type !== 'cgroup2') return undefined;

  const [, , , root, mountPoint, flags = ''] = left.split(' ');
  if (root !== '/' || mountPoint === undefined) return undefined;
  const options = superOptions.split(',');
  return {
    mountPoint,
    readOnly: flags.split(',').includes('ro'),
    holds: (controllers) =>
      controllers === ''
        ? type === 'cgroup2'
        : type === 'cgroup' && controllers.split(',').every((name) => options.includes(name)),
  };
}
