import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { below } from '#base/fs/below';
import { type Kernel, MS } from '#base/kernel/kernel';
import { ensureMountTarget, performRootMount } from '#stage1';
import type { ReplaceablePath } from '../units/app-unit.ts';
import type { MountStep } from './mounts.ts';
import { performVolume } from './perform-volume.ts';

/**
 * Carries out an app's mount plan, in order, in the pod's mount namespace; a
 * target is looked up only when its turn has come, for an earlier mount may
 * have changed where it leads. Nothing of the pod runs yet that could move it.
 * @param root the app's root file system
 * @returns what of the pod a volume is in the place of
 * @throws GantryError MOUNT_SOURCE_MISSING, MOUNT_TARGET_UNUSABLE, PATH_TOO_MANY_LINKS, KERNEL_CALL_FAILED
 */
export function performMounts(
  kernel: Kernel,
  root: string,
  steps: readonly MountStep[],
): readonly ReplaceablePath[] {
  const replaced: ReplaceablePath[] = [];
  for (const step of steps) {
    if (step.kind !== 'volume') performMount(kernel, root, step);
    else replaced.push(...performVolume(kernel, root, { step, replaced }));
  }

  return replaced;
}

function performMount(
  kernel: Kernel,
  root: string,
  step: Exclude<MountStep, { readonly kind: 'volume' }>,
): void {
  switch (step.kind) {
    case 'place':
      ensureMountTarget({ root, target: step.target, directory: true });
      break;
    case 'place-file':
      ensureMountTarget({ root, target: step.target, directory: false });
      break;
    case 'devices':
      makeDevices(kernel, ensureMountTarget({ root, target: step.target, directory: true }));
      break;
    case 'sysfs':
      makeSysfs(
        kernel,
        ensureMountTarget({ root, target: step.target, directory: true }),
        step.parts,
      );
      break;
    default:
      performRootMount(kernel, root, step);
  }
}

function makeSysfs(kernel: Kernel, dir: string, parts: readonly string[]): void {
  kernel.mount({
    source: 'tmpfs',
    target: dir,
    fstype: 'tmpfs',
    flags: MS.NOSUID | MS.NODEV | MS.NOEXEC,
    data: 'mode=0555,size=4k',
  });
  for (const part of parts) mkdirSync(below(dir, part));
  kernel.setMountAttributes(dir, { readOnly: true });
}

const CHARACTER_DEVICE = 0o020000;

/** The device nodes of an app (appc OS-SPEC); numbers as in linux/Documentation/admin-guide/devices.txt. */
const NODES = {
  null: { major: 1, minor: 3 },
  zero: { major: 1, minor: 5 },
  full: { major: 1, minor: 7 },
  random: { major: 1, minor: 8 },
  urandom: { major: 1, minor: 9 },
  tty: { major: 5, minor: 0 },
} as const;

const LINKS = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
} as const;

/** What the app's unit mounts here when the pod is there. */
const FOLDERS = ['pts', 'shm', 'mqueue'] as const;
const FILES = ['console', 'log'] as const;

/** A closed /dev: these and no others. */
function makeDevices(kernel: Kernel, dir: string): void {
  const flags = MS.NOSUID | MS.NOEXEC;
  kernel.mount({
    source: 'tmpfs',
    target: dir,
    fstype: 'tmpfs',
    flags,
    data: 'mode=0755,size=64k',
  });
  const umask = kernel.umask(0);
  try {
    for (const [name, device] of Object.entries(NODES)) {
      kernel.makeNode(below(dir, name), CHARACTER_DEVICE | 0o666, device);
    }
    for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, below(dir, name));
    for (const name of FOLDERS) mkdirSync(below(dir, name), { mode: 0o755 });
    for (const name of FILES) writeFileSync(below(dir, name), '', { mode: 0o620 });
  } finally {
    kernel.umask(umask);
  }
}
