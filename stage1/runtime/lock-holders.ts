import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';

/**
 * The processes that are a pod: those whose open files hold the lock on its
 * directory. Who merely looks at the pod or waits for it has the directory open
 * as well, but not that lock.
 */
export function podLockHolders(podDir: string): readonly number[] {
  return lockHoldersOf([podDir]).get(podDir) ?? [];
}

/** As `podLockHolders` for many pods, by their directories: who has what open is looked through once. */
export function lockHoldersOf(podDirs: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const holders = new Map<string, number[]>();
  const dirs = new Map(podDirs.flatMap((dir) => identified(dir)));
  if (dirs.size === 0) return holders;

  for (const pid of namesIn('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const dir of heldBy(Number(pid), dirs)) {
      holders.set(dir, [...(holders.get(dir) ?? []), Number(pid)]);
    }
  }

  return holders;
}

/** Whether a process holds the lock on a pod's directory; a number that another process has by now does not. */
export function holdsPodLock(podDir: string, pid: number): boolean {
  const dirs = new Map(identified(podDir));

  return dirs.size > 0 && heldBy(pid, dirs).size > 0;
}

/** A directory by what it is whatever it is called; nothing when it is gone. */
function identified(dir: string): readonly (readonly [id: string, dir: string])[] {
  const stats = statSync(dir, { throwIfNoEntry: false });

  return stats === undefined ? [] : [[idOf(stats), dir]];
}

const idOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`;

/** Of some directories those whose lock a process holds. */
function heldBy(pid: number, dirs: ReadonlyMap<string, string>): ReadonlySet<string> {
  const held = new Set<string>();
  for (const fd of namesIn(`/proc/${pid}/fd`)) {
    const open = unlessGone(undefined, () => statSync(`/proc/${pid}/fd/${fd}`));
    const dir = open === undefined ? undefined : dirs.get(idOf(open));
    if (dir === undefined) continue;
    // proc_pid_fdinfo(5) names the locks that an open file holds, not those that are waited for.
    const facts = unlessGone('', () => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
    if (/^lock:.*FLOCK.*WRITE/m.test(facts)) held.add(dir);
  }

  return held;
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
