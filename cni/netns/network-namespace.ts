import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { insideMounts } from '#base/kernel/inside-mounts';
import { CLONE, type Fd, type Kernel, MS, UMOUNT } from '#base/kernel/kernel';
import { kernelErrno } from '#base/kernel/native';
import { isNetns } from './is-netns.ts';

// Namespaces belong to threads, hence everything here is synchronous and the
// thread's own, not the process's, namespaces are looked at.
const OWN_NETNS = '/proc/thread-self/ns/net';
const OWN_MOUNTS = '/proc/thread-self/ns/mnt';

/** A network namespace kept alive by a bind mount on a file. */
export interface NetnsPin {
  /** The file, absolute. */
  readonly path: string;
  /**
   * The mount namespace that has the pin, when the caller has left it for one of
   * its own: a mount made there would end with it.
   */
  readonly hostMounts?: Fd | undefined;
}

/** A pin below which another lies is one too many; so many are taken away. */
const MAX_PINS = 16;

/**
 * Makes a network namespace with nothing in it but a loopback interface that is
 * down, and pins it. The caller stays in its own.
 * @throws GantryError NETNS_EXISTS, KERNEL_CALL_FAILED; then nothing is left
 */
export function makeNetns(kernel: Kernel, pin: NetnsPin): void {
  const fresh = unshareNetns(kernel);
  try {
    inMounts(kernel, pin.hostMounts, () => bindNetns(kernel, pin.path, fresh));
    // Mounts of the host reach this namespace only where the host shares them.
    if (!isNetns(pin.path)) bindNetns(kernel, pin.path, fresh);
  } finally {
    closeSync(fresh);
  }
}

/** Lets go of a pinned namespace, which ends with the last process in it. Everything may be gone already. */
export function removeNetns(kernel: Kernel, pin: NetnsPin): void {
  unbind(kernel, pin.path);
  inMounts(kernel, pin.hostMounts, () => {
    unbind(kernel, pin.path);
    // Removing the file takes away the copies of the pin in all other mount namespaces.
    try {
      unlinkSync(pin.path);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error;
    }
  });
}

/**
 * Moves the calling thread, and what it starts from now on, into a namespace.
 * @throws GantryError NETNS_NOT_FOUND, KERNEL_CALL_FAILED
 */
export function enterNetns(kernel: Kernel, path: string): void {
  const fd = openNetns(path);
  try {
    kernel.setNamespace(fd, CLONE.NEWNET);
  } finally {
    closeSync(fd);
  }
}

/**
 * Does something in a namespace and comes back. The work must be synchronous:
 * what it leaves running later is outside again.
 * @throws GantryError NETNS_NOT_FOUND, KERNEL_CALL_FAILED
 */
export function inNetns<Result>(kernel: Kernel, path: string, work: () => Result): Result {
  const home = openSync(OWN_NETNS, 'r');
  try {
    enterNetns(kernel, path);
    try {
      return work();
    } finally {
      kernel.setNamespace(home, CLONE.NEWNET);
    }
  } finally {
    closeSync(home);
  }
}

/**
 * Brings the loopback interface of a namespace up, which gives it its addresses.
 * @throws GantryError NETNS_NOT_FOUND, KERNEL_CALL_FAILED
 */
export function raiseLoopback(kernel: Kernel, path: string): void {
  inNetns(kernel, path, () => kernel.raiseInterface('lo'));
}

function unshareNetns(kernel: Kernel): Fd {
  const home = openSync(OWN_NETNS, 'r');
  try {
    kernel.unshare(CLONE.NEWNET);
    try {
      return openSync(OWN_NETNS, 'r');
    } finally {
      kernel.setNamespace(home, CLONE.NEWNET);
    }
  } finally {
    closeSync(home);
  }
}

function bindNetns(kernel: Kernel, path: string, netns: Fd): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  if (isNetns(path)) {
    throw new GantryError(
      'NETNS_EXISTS',
      `cannot pin a network namespace on ${quoted(path)}: there is one already`,
    );
  }

  writeFileSync(path, '', { mode: 0o444 });
  try {
    kernel.mount({ source: `/proc/thread-self/fd/${netns}`, target: path, flags: MS.BIND });
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

function unbind(kernel: Kernel, path: string): void {
  for (let count = 0; count < MAX_PINS; count += 1) {
    try {
      kernel.unmount(path, UMOUNT.DETACH | UMOUNT.NOFOLLOW);
    } catch (error) {
      // EINVAL: nothing is mounted there.
      if (['EINVAL', 'ENOENT', 'ENOTDIR'].includes(kernelErrno(error) ?? '')) return;
      throw error;
    }
  }
}

/** Does something where the pin belongs, if that is not here. */
function inMounts(kernel: Kernel, mounts: Fd | undefined, work: () => void): void {
  insideMounts(kernel, mounts === undefined || isOwnMounts(mounts) ? undefined : mounts, work);
}

function isOwnMounts(mounts: Fd): boolean {
  const own = statSync(OWN_MOUNTS);
  const given = fstatSync(mounts);

  return own.ino === given.ino && own.dev === given.dev;
}

function openNetns(path: string): Fd {
  if (isNetns(path)) return openSync(path, 'r');

  throw new GantryError(
    'NETNS_NOT_FOUND',
    `cannot enter the network namespace ${quoted(path)}: there is none`,
  );
}
