import type { Exec, ExecRequest } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { CLONE, type Kernel, MS } from '#base/kernel/kernel';
import type { MountedRequest } from './extraction-protocol.ts';
import { mountPacked } from './packed-tree.ts';
import { hashTree } from './tree-hash.ts';

/** What the worker process looks into a packed tree with. */
export interface MountedJob {
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly request: MountedRequest;
}

/**
 * Mounts a packed tree where only this process sees it, and copies or hashes it.
 * @throws GantryError KERNEL_CALL_FAILED, EXEC_FAILED
 */
export function runMounted({ kernel, exec, request }: MountedJob): { hash?: string } {
  const { image, mountpoint, copyTo } = request;
  kernel.unshare(CLONE.NEWNS);
  kernel.mount({ source: 'none', target: '/', flags: MS.REC | MS.PRIVATE });
  mountPacked(kernel, image, mountpoint);
  if (copyTo === undefined) return { hash: hashTree(kernel, mountpoint) };

  demandSuccess(exec.runSync(copyRequest(mountpoint, copyTo)), `copy to "${copyTo}"`);
  return {};
}

/**
 * The program that copies a root file system with everything preserved.
 * @param target an empty directory, or nothing yet
 */
export function copyRequest(rootfs: string, target: string): ExecRequest {
  return {
    argv: ['cp', '-a', '--reflink=auto', '--no-target-directory', rootfs, target],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  };
}
