import { type Kernel, MS } from '#base/kernel/kernel';

/** Mounts a packed tree read-only, from its file, without a loop device (Linux 6.12). */
export function mountPacked(kernel: Kernel, image: string, target: string): void {
  kernel.mount({ source: image, target, fstype: 'erofs', flags: MS.RDONLY });
}
