import { setTimeout as sleep } from 'node:timers/promises';
import { GantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { kernelErrno } from '#base/kernel/native';
import { type Entrypoint, holdsPodLock, killPodCgroups, ppidPath, readPodPid } from '#stage1';
import { haltRequest } from './first-process.ts';

const SIGKILL = 9;
/** How often a PID 1 is looked at that comes up; it takes some 50 ms. */
const POLL_MS = 10;

/**
 * Asks the pod to end in order, its apps by their stop signals, as soon as it can
 * be asked; with `--force` kills all of it.
 */
export const entrypoint: Entrypoint = async ({ kernel, podDir, argv }) => {
  const nspawn = demandPid(ppidPath(podDir));
  if (!argv.includes('--force')) {
    await askToEnd(kernel, podDir, nspawn);
    return 0;
  }
  // By its number alone it could be another process by now.
  if (holdsPodLock(podDir, nspawn)) send(kernel, nspawn, SIGKILL);
  // nspawn does not take the pod along when it is killed.
  killPodCgroups(kernel, podDir);
  return 0;
};

/**
 * Asks PID 1 itself, where it can be found: nspawn would ask it once, whether it
 * listens or not, and take a second request for one to kill the pod.
 */
async function askToEnd(kernel: Kernel, podDir: string, nspawn: number): Promise<void> {
  while (holdsPodLock(podDir, nspawn)) {
    const request = haltRequest(nspawn);
    if (request !== undefined) {
      send(kernel, request.pid, request.signal);
      return;
    }
    await sleep(POLL_MS);
  }
}

function send(kernel: Kernel, pid: number, signal: number): void {
  try {
    kernel.kill(pid, signal);
  } catch (error) {
    // It ended by itself meanwhile, which is what was wanted.
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }
}

function demandPid(path: string): number {
  const pid = readPodPid(path);
  if (pid !== undefined) return pid;

  throw new GantryError('POD_PID_UNREADABLE', `cannot stop the pod: "${path}" holds no pid`);
}
