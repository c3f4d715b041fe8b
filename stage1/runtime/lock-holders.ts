import { readdirSync, readFileSync, statSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';

/**
 * The processes that are a pod: those whose open files hold the lock on its
 * directory. Who merely looks at the pod or waits for it has the directory open
 * as well, but not that lock.
 */
export function podLockHolders(podDir: string): readonly number[] {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => holdsPodLock(podDir, pid));
}

/** Whether a process holds the lock on a pod's directory; a number that another process has by now does not. */
export function holdsPodLock(podDir: string, pid: number): boolean {
  const pod = statSync(podDir, { throwIfNoEntry: false });
  if (pod === undefined) return false;

  return namesIn(`/proc/${pid}/fd`).some((fd) => {
    const open = unlessGone(undefined, () => statSync(`/proc/${pid}/fd/${fd}`));
    if (open?.ino !== pod.ino || open.dev !== pod.dev) return false;
    // proc_pid_fdinfo(5) names the locks that an open file holds, not those that are waited for.
    const facts = unlessGone('', () => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    return /^lock:.*FLOCK.*WRITE/m.test(facts);
  });
}

function namesIn(folder: string): readonly string[] {
  return unlessGone([], () => readdirSync(folder));
}

/** Processes end while they are looked at, and those of others may not be looked at. */
function unlessGone<Result>(nothing: Result, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ELOOP'].includes(errorCode(error) ?? '')) {
      return nothing;
    }
    throw error;
  }
}
