import { type Kernel, MS } from '#base/kernel/kernel';
import { ensureMountTarget } from './mount-target.ts';

/**
 * Makes a directory of an app's root a mount of its own, with all that is in it
 * and is not mounted: it stays writable when the root becomes read-only.
 * @param target absolute, inside the app
 * @throws GantryError MOUNT_TARGET_UNUSABLE, PATH_TOO_MANY_LINKS, KERNEL_CALL_FAILED
 */
export function keepDirectory(kernel: Kernel, root: string, target: string): void {
  const path = ensureMountTarget({ root, target, directory: true });

  kernel.mount({ source: path, target: path, flags: MS.BIND });
  kernel.setMountAttributes(path, { propagation: MS.SLAVE });
}
