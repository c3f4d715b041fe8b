import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { kernelErrno } from '#base/kernel/native';
import { type Entrypoint, pidPath } from '#stage1';

const SIGTERM = 15;
const SIGKILL = 9;

/** Asks the app to end, or with `--force` makes it. */
export const entrypoint: Entrypoint = async ({ kernel, podDir, argv }) => {
  const pid = readPid(podDir);
  try {
    kernel.kill(pid, argv.includes('--force') ? SIGKILL : SIGTERM);
  } catch (error) {
    // It ended by itself meanwhile, which is what was wanted.
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }

  return await Promise.resolve(0);
};

function readPid(podDir: string): number {
  const text = readFileSync(pidPath(podDir), 'utf8').trim();
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);

  throw new GantryError(
    'POD_PID_UNREADABLE',
    `cannot stop the pod: "${pidPath(podDir)}" holds no pid`,
  );
}
