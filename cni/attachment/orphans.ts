import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants } from 'node:os';
import type { Kernel } from '#base/kernel/kernel';
import { kernelErrno } from '#base/kernel/native';
import type { AttachmentKey } from './attachment-store.ts';

/** How long a killed process is waited for: so many looks, so many milliseconds apart. */
const LOOKS = 100;
const LOOK_MS = 10;

/**
 * Ends the plugins that still work on an attachment whose ADD was never
 * finished. They outlive a client that is killed, and would give the container
 * an address after it was detached:
 *
 *     client begins ADD       plugin works
 *     client is killed        plugin works on, nobody to end it
 *     another client: DEL     frees nothing yet
 *                             plugin takes an address, for ever
 *
 * A plugin and what it started are known by their environment. To be called
 * only when nobody attaches the container.
 */
export async function endOrphans(kernel: Kernel, key: AttachmentKey): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    const orphans = orphansOf(key);
    if (orphans.length === 0) return;

    if (look === 0) for (const pid of orphans) kill(kernel, pid);
    await sleep(LOOK_MS);
  }
}

function orphansOf({ containerId, ifName }: AttachmentKey): readonly number[] {
  const wanted = ['CNI_COMMAND=ADD', `CNI_CONTAINERID=${containerId}`, `CNI_IFNAME=${ifName}`];
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));

  return pids
    .filter((pid) => {
      const environment = environmentOf(pid);
      return wanted.every((variable) => environment.has(variable));
    })
    .map(Number);
}

/** Empty for processes that are gone, or a zombie, or somebody else's. */
function environmentOf(pid: string): ReadonlySet<string> {
  try {
    return new Set(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'));
  } catch {
    return new Set();
  }
}

function kill(kernel: Kernel, pid: number): void {
  try {
    kernel.kill(pid, constants.signals.SIGKILL);
  } catch (error) {
    if (kernelErrno(error) !== 'ESRCH') throw error;
  }
}
