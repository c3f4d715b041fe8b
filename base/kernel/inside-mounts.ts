import { closeSync, openSync } from 'node:fs';
import { CLONE, type Fd, type Kernel } from './kernel.ts';

/**
 * Does something in another mount namespace, where what is started stays: a
 * process that outlives the pod must not pin the pod's mounts.
 * @param mounts undefined: where this process is
 */
export function insideMounts<Result>(
  kernel: Kernel,
  mounts: Fd | undefined,
  action: () => Result,
): Result {
  if (mounts === undefined) return action();

  const own = openSync('/proc/thread-self/ns/mnt', 'r');
  const cwd = openSync('.', 'r');
  try {
    // A thread that shares its working directory may not join: EINVAL, setns(2). Those of Node's
    // pool do, when they were started after this one came into its mount namespace.
    kernel.unshare(CLONE.FS);
    kernel.setNamespace(mounts, CLONE.NEWNS);
    try {
      return action();
    } finally {
      // Joining a mount namespace also moves root and working directory.
      kernel.setNamespace(own, CLONE.NEWNS);
      process.chdir(`/proc/self/fd/${cwd}`);
    }
  } finally {
    closeSync(own);
    closeSync(cwd);
  }
}
