import { closeSync } from 'node:fs';
import type { Fd, Kernel } from '#base/kernel/kernel';
import { kernelErrno } from '#base/kernel/native';
import { holdsPodLock, pidPath, ppidPath, readPodPid } from '#stage1';

/** The process that stage1 became: the app under fly, systemd-nspawn under nspawn. */
export interface MainProcess extends Disposable {
  /** Waits until it has ended, or is told not to. */
  end(signal: AbortSignal): Promise<void>;
}

/** So long one wait takes at most, for the thread it takes is wanted by others too. */
const TURN_MS = 200;

/** The pod's main process; undefined when it has ended, or nobody wrote down which it is. */
export function openMainProcess(kernel: Kernel, podDir: string): MainProcess | undefined {
  const pid = readPodPid(pidPath(podDir)) ?? readPodPid(ppidPath(podDir));
  const fd = pid === undefined ? undefined : openProcess(kernel, pid);
  if (pid === undefined || fd === undefined) return undefined;
  // By its number alone it could be another process by now.
  if (!holdsPodLock(podDir, pid)) {
    closeSync(fd);
    return undefined;
  }

  return {
    async end(signal) {
      while (!signal.aborted && !(await kernel.processEnd(fd, TURN_MS)));
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function openProcess(kernel: Kernel, pid: number): Fd | undefined {
  try {
    return kernel.pidfdOpen(pid);
  } catch (error) {
    if (kernelErrno(error) === 'ESRCH') return undefined;
    throw error;
  }
}
