import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { CLONE, type Fd, type Kernel, MS } from '#base/kernel/kernel';
import { ensureMountTarget, keepDirectory, makeWorkingDirectory } from '#stage1';
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
    case 'root':
      kernel.mount({ source: root, target: root, flags: MS.BIND | MS.REC });
      break;
    case 'keep':
      keepDirectory(kernel, root, step.target);
      break;
    case 'bind':
      performBind(kernel, root, step);
      break;
    case 'shared-bind':
      performSharedBind(surroundings, step);
      break;
    case 'tmpfs': {
      const target = ensureMountTarget({ root, target: step.target, directory: true });
      const flags = MS.NOSUID | MS.NODEV;
      kernel.mount({ source: 'tmpfs', target, fstype: 'tmpfs', flags, data: step.data });
      break;
    }
    case 'workplace':
      makeWorkingDirectory(root, step.place);
      break;
    case 'seal':
      kernel.setMountAttributes(root, { readOnly: true });
      break;
  }
}

type Bind = Extract<MountStep, { readonly kind: 'bind' | 'shared-bind' }>;

function performBind(kernel: Kernel, root: string, step: Bind): void {
  const { source, recursive, readOnly } = step;
  const target = ensureMountTarget({ root, target: step.target, directory: isDirectory(source) });

  kernel.mount({ source, target, flags: recursive ? MS.BIND | MS.REC : MS.BIND });
  kernel.setMountAttributes(target, {
    // Whatever stage 0 did: nothing that is mounted here may reach the host.
    propagation: MS.SLAVE,
    recursive,
    ...(readOnly ? { readOnly } : {}),
  });
}

/**
 * A mount in the pod's namespace can only listen to the host's. To speak to it
 * as well it must be copied over there, then attached here.
 */
function performSharedBind({ kernel, root, callerMounts }: Surroundings, step: Bind): void {
  const { source, recursive, readOnly } = step;
  const target = ensureMountTarget({ root, target: step.target, directory: isDirectory(source) });
  if (callerMounts === undefined) {
    throw new GantryError(
      'MOUNT_NOT_SHARED',
      `cannot share the mounts below "${step.target}" with the host: stage 0 did not say where that is`,
    );
  }

  const tree = inNamespace(kernel, callerMounts, () => kernel.cloneTree(source, recursive));
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

function inNamespace<Result>(kernel: Kernel, mounts: Fd, action: () => Result): Result {
  const own = openSync('/proc/self/ns/mnt', 'r');
  const cwd = openSync('.', 'r');
  try {
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

function isDirectory(source: string): boolean {
  try {
    return statSync(source).isDirectory();
  } catch (error) {
    throw new GantryError(
      'MOUNT_SOURCE_MISSING',
      `cannot mount "${source}": ${errorCode(error) === 'ENOENT' ? 'no such file or directory' : 'it cannot be looked at'}`,
      { cause: error },
    );
  }
}
