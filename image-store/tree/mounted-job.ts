import { GantryError } from '#base/errors/gantry-error';
import type { Exec, ExecRequest, ExecResult } from '#base/exec/exec';
import { ENDING_TOGETHER } from '#base/exec/end-together';
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
 * @throws GantryError KERNEL_CALL_FAILED, EXTRACT_NO_SPACE, EXEC_FAILED
 */
export function runMounted({ kernel, exec, request }: MountedJob): { hash?: string } {
  const { image, mountpoint, copyTo } = request;
  kernel.unshare(CLONE.NEWNS);
  kernel.mount({ source: 'none', target: '/', flags: MS.REC | MS.PRIVATE });
  mountPacked(kernel, image, mountpoint);
  if (copyTo === undefined) return { hash: hashTree(kernel, mountpoint) };

  demandCopied(exec.runSync(copyRequest(mountpoint, copyTo)), copyTo);
  return {};
}

/**
 * The program that copies a root file system with everything preserved. It ends
 * with the process that starts it: what it would go on filling may be removed.
 * @param target an empty directory, or nothing yet
 */
export function copyRequest(rootfs: string, target: string): ExecRequest {
  return {
    argv: [
      ...ENDING_TOGETHER,
      'cp',
      '-a',
      '--reflink=auto',
      '--no-target-directory',
      rootfs,
      target,
    ],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  };
}

/** @throws GantryError EXTRACT_NO_SPACE, EXEC_FAILED */
export function demandCopied(result: ExecResult, target: string): void {
  // One line for every file that found no room.
  if (/: (?:No space left on device|Disk quota exceeded)$/m.test(result.stderr)) {
    throw new GantryError(
      'EXTRACT_NO_SPACE',
      `cannot copy a tree to "${target}": no space left on the device`,
      { hint: 'make room, for example by "gantry image gc"' },
    );
  }
  demandSuccess(result, `copy a tree to "${target}"`);
}
