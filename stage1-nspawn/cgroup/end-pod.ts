import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '#base/kernel/kernel';
import { killPodCgroups, podCgroupDirs, podProcesses, removePodCgroups } from '#stage1';

const SIGKILL = 9;

/**
 * Ends what still runs in a pod's cgroups and removes them; nothing when that
 * has been done. Frozen while the signals are sent, so that nothing forks away.
 * @throws GantryError POD_NOT_KILLED
 */
export function endPodCgroups(kernel: Kernel, podDir: string): void {
  if (podProcesses(podDir).length > 0) killFrozen(kernel, podDir);
  killPodCgroups(kernel, podDir);
  removePodCgroups(podDir);
}

/** A process frozen by v1 dies of the signal when it is thawed, before it does anything else. */
function killFrozen(kernel: Kernel, podDir: string): void {
  const dirs = podCgroupDirs(podDir);
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

/** v1 only: v2 has `cgroup.kill`, which needs no help. */
function setFrozen(dir: string, frozen: boolean): void {
  const file = join(dir, 'freezer.state');
  if (existsSync(file)) writeFileSync(file, frozen ? 'FROZEN' : 'THAWED');
}
