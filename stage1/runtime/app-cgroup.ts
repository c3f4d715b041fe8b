import { basename } from 'node:path';
import type { AcName } from '#schema/types/names';
import { appUnitName } from '../layout/app-unit-name.ts';
import { cgroupsBelow, podCgroupDirs } from './pod-cgroup.ts';

/**
 * The cgroup of an app in each hierarchy in which it has one: below the pod's,
 * called as its unit.
 */
export function appCgroupDirs(podDir: string, app: AcName): readonly string[] {
  const name = appUnitName(app);

  return podCgroupDirs(podDir).flatMap((dir) => findBelow(dir, name) ?? []);
}

/** The one that is the fewest steps down: what an app makes below its own is not another app's. */
function findBelow(dir: string, name: string): string | undefined {
  for (let level = cgroupsBelow(dir); level.length > 0; level = level.flatMap(cgroupsBelow)) {
    const found = level.find((path) => basename(path) === name);
    if (found !== undefined) return found;
  }

  return undefined;
}
