import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import type { AcName } from '#schema/types/names';
import { cgroupDir, readPodCgroups } from '#stage1';
import { appUnitName } from '../units/names.ts';

/** A process of an app, the first that its cgroup lists; undefined when none runs. */
export function appProcess(podDir: string, app: AcName): number | undefined {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const name = appUnitName(app);
  for (const cgroup of readPodCgroups(podDir)) {
    const dir = cgroupDir(cgroup, mountinfo);
    const found = dir === undefined ? undefined : findBelow(dir, name);
    const pid = found === undefined ? undefined : firstProcess(found);
    if (pid !== undefined) return pid;
  }

  return undefined;
}

function findBelow(dir: string, name: string): string | undefined {
  for (const entry of foldersIn(dir)) {
    const path = join(dir, entry);
    const found = entry === name ? path : findBelow(path, name);
    if (found !== undefined) return found;
  }

  return undefined;
}

function foldersIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}

function firstProcess(dir: string): number | undefined {
  try {
    const [first] = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n');
    return first === undefined || first === '' ? undefined : Number(first);
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
