import { kernelErrno } from '#base/kernel/native';
import type { Kernel } from '#base/kernel/kernel';
import { type Entrypoint, holdsPodLock, pidPath, podLockHolders, readPodPid } from '#stage1';
import { waitsForHangUp } from './waits-for-hang-up.ts';

const SIGHUP = 1;
const SIGTERM = 15;
const SIGKILL = 9;

/**
 * Asks the app to end, or with `--force` makes it and everything it started
 * that is still the pod. A shell on a terminal is hung up as well. An app that has ended by itself may have left such
 * processes; then they are asked.
 */
export const entrypoint: Entrypoint = async ({ kernel, podDir, argv }) => {
  const force = argv.includes('--force');
  for (const pid of processesToTell(podDir, force)) {
    signal(kernel, pid, force ? SIGKILL : SIGTERM);
    if (waitsForHangUp(pid)) signal(kernel, pid, SIGHUP);
  }

  return await Promise.resolve(0);
};

function processesToTell(podDir: string, force: boolean): readonly number[] {
  const pid = readPodPid(pidPath(podDir));
  // By its number alone it could be another process by now.
  if (!force && pid !== undefined && holdsPodLock(podDir, pid)) return [pid];

  return podLockHolders(podDir);
}

function signal(kernel: Kernel, pid: number, number: number): void {
  try {
    kernel.kill(pid, number);
  } catch (error) {
    // It ended by itself meanwhile, which is what was wanted.
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }
}
