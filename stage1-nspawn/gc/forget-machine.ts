import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import type { EntrypointHost } from '#stage1';
import { machineName } from '../init/machine.ts';

/** machined keeps a file for every machine that it knows. */
const MACHINES = '/run/systemd/machines';
const MANAGER = [
  'org.freedesktop.machine1',
  '/org/freedesktop/machine1',
  'org.freedesktop.machine1.Manager',
] as const;
const TIME_LIMIT_MS = 5_000;

/**
 * Takes the pod off machined's list. nspawn does that when it ends by itself;
 * when it was killed machined goes by the unit, and one that is started again
 * never seems to end. Not `machinectl terminate`: that would end the new pod of
 * the unit as well. What stays is told, and is no reason to keep the pod.
 */
export async function forgetMachine(
  { exec, log }: Pick<EntrypointHost, 'exec' | 'log'>,
  uuid: string,
): Promise<void> {
  const name = machineName(uuid);
  const known = join(MACHINES, name);
  if (!existsSync(known)) return;

  const failure = await unregister(exec, name);
  // Its unit may have ended meanwhile, and the machine with it.
  if (failure === undefined || !existsSync(known)) return;
  log.warning(`machined goes on listing "${name}": ${failure}`);
}

/** @returns why that failed */
async function unregister(exec: Exec, name: string): Promise<string | undefined> {
  try {
    const { exitCode, stderr } = await exec.run({
      argv: ['busctl', 'call', '--quiet', ...MANAGER, 'UnregisterMachine', 's', name],
      env: { PATH: '/usr/bin:/bin' },
      timeoutMs: TIME_LIMIT_MS,
    });
    return exitCode === 0 ? undefined : stderr.trim() || `busctl ended with status ${exitCode}`;
  } catch (error) {
    return errorMessage(error);
  }
}
