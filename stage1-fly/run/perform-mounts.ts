import { closeSync, readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { insideMounts } from '#base/kernel/inside-mounts';
import { type Fd, type Kernel, MS } from '#base/kernel/kernel';
import { type BindMount, ensureBindTarget, ensureMountTarget, performRootMount } from '#stage1';
import type { MountStep } from './plan-mounts.ts';

/** Where the steps are carried out. */
export interface Surroundings {
  readonly kernel: Kernel;
  /** The app's root file system. */
  readonly root: string;
  /** The mount namespace that gantry was called in. */
  readonly callerMounts: Fd | undefined;
}

/**
 * Carries out a plan, in order; a target is looked up only when its turn has
 * come, for an earlier mount may have changed where it leads.
 * @throws GantryError MOUNT_SOURCE_MISSING, MOUNT_TARGET_UNUSABLE, MOUNT_NOT_SHARED, KERNEL_CALL_FAILED
 */
export function performMounts(surroundings: Surroundings, steps: readonly MountStep[]): void {
  for (const step of steps) performMount(surroundings, step);
}

function performMount(surroundings: Surroundings, step: MountStep): void {
  const { kernel, root } = surroundings;

  switch (step.kind) {
    case 'shared-bind':
      performSharedBind(surroundings, step);
      break;
    case 'tmpfs': {
      const target = ensureMountTarget({ root, target: step.target, directory: true });
      const flags = MS.NOSUID | MS.NODEV;
      kernel.mount({ source: 'tmpfs', target, fstype: 'tmpfs', flags, data: step.data });
      break;
    }
    default:
      performRootMount(kernel, root, step);
  }
}

/**
 * A mount in the pod's namespace can only listen to the host's. To speak to it
 * as well it must be copied over there, then attached here.
 */
function performSharedBind({ kernel, root, callerMounts }: Surroundings, mount: BindMount): void {
  const { source, recursive, readOnly } = mount;
  const target = ensureBindTarget(root, mount);
  if (callerMounts === undefined) {
    throw new GantryError(
      'MOUNT_NOT_SHARED',
      `cannot share the mounts below "${mount.target}" with the host: stage 0 did not say where that is`,
    );
  }

  const tree = insideMounts(kernel, callerMounts, () => kernel.cloneTree(source, recursive));
  try {
    kernel.attachTree(tree, target);
  } finally {
    closeSync(tree);
  }
  demandShared(source, target);
  if (readOnly) kernel.setMountAttributes(target, { readOnly, recursive });
}

/** A copy belongs to the peers of what it was copied from; a private mount has none. */
function demandShared(source: string, target: string): void {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const line = lines.find((each) => each.split(' ')[4] === escapeMountPath(target));
  if (line?.includes(' shared:') === true) return;

  throw new GantryError(
    'MOUNT_NOT_SHARED',
    `cannot share the mounts below "${source}" with the host: it lies on a private mount`,
    { hint: `"mount --make-shared" what "findmnt --target ${source}" shows` },
  );
}

/** A path as proc_pid_mountinfo(5) writes it. */
function escapeMountPath(path: string): string {
  return path.replaceAll(
    /[\\ \t\n]/g,
    (each) => `\\${each.charCodeAt(0).toString(8).padStart(3, '0')}`,
  );
}
