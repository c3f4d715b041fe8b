import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { dataDirOf } from '#stage1';
import { pinPath } from '../host.ts';
import type { RegisterEntry } from './register.ts';

/** The phases of pods that may be in the register, in the order in which they go through them. */
const PHASES = ['run', 'exited-garbage', 'garbage'] as const;

/** Whether a pod has no directory any more: nobody will release it. */
export function isGone({ uuid, podDir }: RegisterEntry): boolean {
  const pods = join(dataDirOf(podDir), 'pods');

  return !PHASES.some((phase) => existsSync(join(pods, phase, uuid)));
}

/** Whether a process is in a pod's network namespace: it may live on without its directory. */
export function isNetnsInUse(uuid: string): boolean {
  const pin = statSync(pinPath(uuid), { throwIfNoEntry: false });
  if (pin === undefined) return false;

  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => netnsOf(pid) === pin.ino);
}

/** Undefined for a process that is gone, or a zombie. */
function netnsOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}/ns/net`).ino;
  } catch {
    return undefined;
  }
}
