import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import {
  lockRegister,
  readRegister,
  type RegisterEntry,
  removeEntry,
  writeEntry,
} from '../register/register.ts';
import { hostsLines, withHostsBlock } from './hosts-block.ts';

/** A hosts file that an app has made larger is left to it, bytes. */
const SIZE_LIMIT = 1024 * 1024;

/** Lets a pod and all that share a network with it find each other by name, running ones too. */
export function announcePod(kernel: Kernel, entry: RegisterEntry): void {
  using _lock = lockRegister(kernel);
  writeEntry(entry);
  const all = readRegister();
  for (const each of all) if (sharesNetwork(each, entry)) writeHosts(each, all);
}

/**
 * Takes a pod out of the register, and its names from all others.
 * @param keepsPorts whether its ports stay where they are: something may still lead from them to its addresses
 */
export function withdrawPod(kernel: Kernel, uuid: string, keepsPorts = false): void {
  using _lock = lockRegister(kernel);
  const entry = readRegister().find((each) => each.uuid === uuid);
  if (keepsPorts && entry !== undefined) writeEntry({ ...entry, attachments: [], hostsFiles: [] });
  else removeEntry(uuid);
  if (entry === undefined) return;

  const left = readRegister();
  for (const each of left) if (sharesNetwork(each, entry)) writeHosts(each, left);
}

function sharesNetwork(one: RegisterEntry, other: RegisterEntry): boolean {
  if (one.hostNetns !== other.hostNetns) return false;

  return one.attachments.some(({ network }) =>
    other.attachments.some((theirs) => theirs.network === network),
  );
}

function writeHosts(pod: RegisterEntry, all: readonly RegisterEntry[]): void {
  const lines = hostsLines(pod, all);
  for (const path of pod.hostsFiles) changeInPlace(path, (text) => withHostsBlock(text, lines));
}

/** The file itself stays, for it is mounted in the app's root; one that is gone is that of a pod that ends. */
function changeInPlace(path: string, change: (text: string) => string): void {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return;
    throw error;
  }

  try {
    if (fstatSync(fd).size > SIZE_LIMIT) return;
    const bytes = Buffer.from(change(readFileSync(fd, 'utf8')));
    // In one piece, so that who reads it meanwhile finds the old or the new.
    writeSync(fd, bytes, 0, bytes.length, 0);
    ftruncateSync(fd, bytes.length);
  } finally {
    closeSync(fd);
  }
}
