import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountsBelow } from '#base/fs/mounts-below';
import { removePath } from '#base/fs/remove-path';
import { type Kernel, MS, UMOUNT } from '#base/kernel/kernel';

/** What a removal that failed half-way is taken up by again, so it goes last. */
const LAST: readonly string[] = ['pod', 'stage1TreeStoreID', 'stage1', 'released'];

/**
 * Removes a pod's directory with everything in it. Whatever is mounted below
 * it here (a stage1 made by somebody else may do that) is unmounted first: a
 * removal must never go down into a volume.
 * @throws GantryError KERNEL_CALL_FAILED when something cannot be unmounted
 */
export function deletePodDir(kernel: Kernel, podDir: string): void {
  unmountBelow(kernel, podDir);

  const names = readdirSync(podDir);
  for (const name of names.filter((each) => !LAST.includes(each))) remove(podDir, name);
  remove(podDir, join('stage1', 'rootfs'));
  for (const name of LAST) remove(podDir, name);
  rmdirSync(podDir);
}

/**
 * A mount that is shared with where it was bound from takes what lies on it
 * along when it goes: of a recursive bind of /dev, the host's own /dev/pts. So
 * each tree of mounts is made private before it goes, whole. Several may lie on
 * one place, of which only the topmost is seen.
 */
function unmountBelow(kernel: Kernel, podDir: string): void {
  for (let [outermost] = mountsBelow(podDir); outermost !== undefined; ) {
    kernel.setMountAttributes(outermost, { propagation: MS.PRIVATE, recursive: true });
    kernel.unmount(outermost, UMOUNT.DETACH | UMOUNT.NOFOLLOW);
    [outermost] = mountsBelow(podDir);
  }
}

function remove(podDir: string, name: string): void {
  removePath(join(podDir, name), { recursive: true, force: true });
}
