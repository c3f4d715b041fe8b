import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The file in which the kernel counts whom of a pod it killed for want of
 * memory, where the pod's systemd cannot know: with version 1 of cgroups, and
 * with version 2 where the memory controller ends above the pod.
 * @param dirs the pod's cgroups
 */
export function findOomCount(dirs: readonly string[]): string | undefined {
  const counts = dirs.map((dir) => join(dir, 'memory.oom_control'));

  return counts.find((path) => existsSync(path)) ?? countAbove(dirs.find(isUnified));
}

/** In the one that the pod's own lies in, a unit's say; none where the pod has the controller itself. */
function countAbove(pod: string | undefined): string | undefined {
  if (pod === undefined || existsSync(join(pod, EVENTS))) return undefined;
  const events = join(dirname(pod), EVENTS);

  return existsSync(events) ? events : undefined;
}

const EVENTS = 'memory.events';
const isUnified = (dir: string): boolean => existsSync(join(dir, 'cgroup.controllers'));
