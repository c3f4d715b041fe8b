import { cgroupMounts } from '#stage1';

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
 * which only a part is mounted, or read-only, is left out, and one in which the
 * process is outside of what its cgroup namespace shows (cgroup_namespaces(7)).
 * @param cgroup text of /proc/self/cgroup
 * @param mountinfo text of /proc/self/mountinfo
 */
export function findHierarchies(cgroup: string, mountinfo: string): readonly Hierarchy[] {
  const mounts = cgroupMounts(mountinfo).filter(({ readOnly }) => !readOnly);

  return cgroup.split('\n').flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    const [controllers, path] = [match?.[1], match?.[2]];
    if (controllers === undefined || path === undefined) return [];
    if (path.split('/').includes('..')) return [];

    const mount = mounts.find(({ holds }) => holds(controllers));
    return mount === undefined ? [] : [{ controllers, mountPoint: mount.mountPoint, path }];
  });
}
