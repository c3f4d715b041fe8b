import { statSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { type Kernel, MS } from '#base/kernel/kernel';
import { keepDirectory } from './keep-directory.ts';
import { ensureMountTarget } from './mount-target.ts';
import { makeWorkingDirectory, type WorkingDirectory } from './working-directory.ts';

/** What is mounted over a place of an app's root. */
export interface BindMount {
  readonly source: string;
  /** Absolute inside the app. */
  readonly target: string;
  readonly recursive: boolean;
  readonly readOnly: boolean;
}

/** One step, of those that every flavor takes, on the way to what an app sees; targets are absolute inside the app. */
export type RootMountStep =
  /** The root becomes a mount of its own, so that it can be made read-only. */
  | { readonly kind: 'root' }
  /** So does a directory in it, which is made unless it is there. */
  | { readonly kind: 'keep'; readonly target: string }
  | ({ readonly kind: 'bind' } & BindMount)
  /** The app's working directory, which is made unless it is there, while its root can be written. */
  | { readonly kind: 'workplace'; readonly place: WorkingDirectory }
  /** From here on the app's own root is read-only; what is mounted on it is not. */
  | { readonly kind: 'seal' };

/**
 * Carries out one step.
 * @param root the app's root file system
 * @throws GantryError MOUNT_SOURCE_MISSING, MOUNT_TARGET_UNUSABLE, KERNEL_CALL_FAILED
 */
export function performRootMount(kernel: Kernel, root: string, step: RootMountStep): void {
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
    case 'workplace':
      makeWorkingDirectory(root, step.place);
      break;
    case 'seal':
      kernel.setMountAttributes(root, { readOnly: true });
      break;
  }
}

function performBind(kernel: Kernel, root: string, mount: BindMount): void {
  const { source, recursive, readOnly } = mount;
  const target = ensureBindTarget(root, mount);

  kernel.mount({ source, target, flags: recursive ? MS.BIND | MS.REC : MS.BIND });
  kernel.setMountAttributes(target, {
    // Whatever stage 0 did: nothing that is mounted here may reach the host.
    propagation: MS.SLAVE,
    recursive,
    ...(readOnly ? { readOnly } : {}),
  });
}

/**
 * The place of a mount on the host: what its source is, a folder or a file, is made where it is missing.
 * @throws GantryError MOUNT_SOURCE_MISSING, MOUNT_TARGET_UNUSABLE
 */
export function ensureBindTarget(root: string, { source, target }: BindMount): string {
  return ensureMountTarget({ root, target, directory: isDirectory(source) });
}

function isDirectory(source: string): boolean {
  try {
    return statSync(source).isDirectory();
  } catch (error) {
    const missing = errorCode(error) === 'ENOENT';
    throw new GantryError(
      'MOUNT_SOURCE_MISSING',
      `cannot mount "${source}": ${missing ? 'no such file or directory' : 'it cannot be looked at'}`,
      { cause: error },
    );
  }
}
