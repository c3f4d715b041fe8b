import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { kernelErrno } from '#base/kernel/native';
import { type Entrypoint, killPodCgroups, ppidPath } from '#stage1';

const SIGTERM = 15;
const SIGKILL = 9;

/** Asks the pod to end in order, its apps by their stop signals; with `--force` kills all of it. */
export const entrypoint: Entrypoint = async ({ kernel, podDir, argv }) => {
  const force = argv.includes('--force');
  try {
    kernel.kill(readPpid(podDir), force ? SIGKILL : SIGTERM);
  } catch (error) {
    // It ended by itself meanwhile, which is what was wanted.
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }
  // nspawn does not take the pod along when it is killed.
  if (force) killPodCgroups(kernel, podDir);

  return await Promise.resolve(0);
};

function readPpid(podDir: string): number {
  const text = readFileSync(ppidPath(podDir), 'utf8').trim();
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);

  throw new GantryError(
    'POD_PID_UNREADABLE',
    `cannot stop the pod: "${ppidPath(podDir)}" holds no pid`,
  );
}
