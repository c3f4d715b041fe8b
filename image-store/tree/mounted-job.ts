import { GantryError } from '#base/errors/gantry-error';
import type { Exec, ExecRequest, ExecResult } from '#base/exec/exec';
import { ENDING_TOGETHER } from '#base/exec/end-together';
import { demandSuccess } from '#base/exec/node-exec';
import { CLONE, type Kernel, MS } from '#base/kernel/kernel';
import type { MountedRequest, StackedRequest } from './extraction-protocol.ts';
import { openLayers } from './open-layers.ts';
import { mountPacked } from './mount-packed.ts';
import { hashTree } from './tree-hash.ts';

/** What the worker process looks into trees with that have to be mounted for it. */
export interface MountedJob<Request = MountedRequest> {
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly request: Request;
}

/**
 * Mounts a packed tree where only this process sees it, and copies or hashes it.
 * @throws GantryError KERNEL_CALL_FAILED, EXTRACT_NO_SPACE, EXEC_FAILED
 */
export function runMounted({ kernel, exec, request }: MountedJob): { hash?: string } {
  const { image, mountpoint, copyTo } = request;
  leaveMounts(kernel);
  mountPacked(kernel, image, mountpoint);
  if (copyTo === undefined) return { hash: hashTree(kernel, mountpoint) };

  demandCopied(exec.runSync(copyRequest(mountpoint, copyTo)), copyTo);
  return {};
}

/**
 * Copies what trees look like one over the other.
 * @throws GantryError KERNEL_CALL_FAILED, EXTRACT_NO_SPACE, EXEC_FAILED
 */
export function runStacked({ kernel, exec, request }: MountedJob<StackedRequest>): void {
  const { lowers, mountpoint, copyTo } = request;
  leaveMounts(kernel);
  using layers = openLayers(lowers);
  kernel.mount({
    source: 'overlay',
    target: mountpoint,
    fstype: 'overlay',
    flags: MS.RDONLY,
    data: `lowerdir=${layers.option}`,
  });

  demandCopied(exec.runSync(copyRequest(mountpoint, copyTo)), copyTo);
}

function leaveMounts(kernel: Kernel): void {
  kernel.unshare(CLONE.NEWNS);
  kernel.mount({ source: 'none', target: '/', flags: MS.REC | MS.PRIVATE });
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
