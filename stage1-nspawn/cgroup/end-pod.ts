import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { cgroupDir, killPodCgroups, podProcesses, readPodCgroups } from '#stage1';

const SIGKILL = 9;

/**
 * Ends what still runs in a pod's cgroups and removes them; nothing when that
 * has been done. Frozen while the signals are sent, so that nothing forks away.
 * @throws GantryError POD_NOT_KILLED
 */
export function endPodCgroups(kernel: Kernel, podDir: string): void {
  const dirs = podCgroupDirs(podDir);
  const processes = podProcesses(podDir);
  if (processes.length > 0) killFrozen(kernel, podDir, dirs);
  killPodCgroups(kernel, podDir);
  for (const dir of dirs) removeCgroup(dir);
}

/** A process frozen by v1 dies of the signal when it is thawed, before it does anything else. */
function killFrozen(kernel: Kernel, podDir: string, dirs: readonly string[]): void {
  for (const dir of dirs) setFrozen(dir, true);
  try {
    for (const pid of podProcesses(podDir)) killQuietly(kernel, pid);
  } finally {
    for (const dir of dirs) setFrozen(dir, false);
  }
}

function killQuietly(kernel: Kernel, pid: number): void {
  try {
    kernel.kill(pid, SIGKILL);
  } catch {
    // It has ended by itself.
  }
}

function podCgroupDirs(podDir: string): readonly string[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');

  return readPodCgroups(podDir).flatMap((cgroup) => {
    const dir = cgroupDir(cgroup, mountinfo);
    return dir === undefined || !existsSync(dir) ? [] : [dir];
  });
}

/** v1 only: v2 has `cgroup.kill`, which needs no help. */
function setFrozen(dir: string, frozen: boolean): void {
  const file = join(dir, 'freezer.state');
  if (existsSync(file)) writeFileSync(file, frozen ? 'FROZEN' : 'THAWED');
}

/** Cgroups are removed from the leaves; a dying process may hold one for a moment. */
function removeCgroup(dir: string): void {
  let below: readonly string[];
  try {
    below = readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(dir, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  for (const child of below) removeCgroup(child);
  removeEmpty(dir);
}

const REMOVE_TRIES = 100;

function removeEmpty(dir: string): void {
  for (let tries = 1; ; tries += 1) {
    try {
      rmdirSync(dir);
      return;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      if (errorCode(error) !== 'EBUSY' || tries === REMOVE_TRIES) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
