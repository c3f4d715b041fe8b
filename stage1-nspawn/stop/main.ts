import { GantryError } from '#base/errors/gantry-error';
import { kernelErrno } from '#base/kernel/native';
import { type Entrypoint, holdsPodLock, killPodCgroups, ppidPath, readPodPid } from '#stage1';

const SIGTERM = 15;
const SIGKILL = 9;

/** Asks the pod to end in order, its apps by their stop signals; with `--force` kills all of it. */
export const entrypoint: Entrypoint = async ({ kernel, podDir, argv }) => {
  const force = argv.includes('--force');
  const nspawn = demandPid(ppidPath(podDir));
  try {
    // By its number alone it could be another process by now.
    if (holdsPodLock(podDir, nspawn)) kernel.kill(nspawn, force ? SIGKILL : SIGTERM);
  } catch (error) {
    // It ended by itself meanwhile, which is what was wanted.
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }
  // nspawn does not take the pod along when it is killed.
  if (force) killPodCgroups(kernel, podDir);

  return await Promise.resolve(0);
};

function demandPid(path: string): number {
  const pid = readPodPid(path);
  if (pid !== undefined) return pid;

  throw new GantryError('POD_PID_UNREADABLE', `cannot stop the pod: "${path}" holds no pid`);
}
