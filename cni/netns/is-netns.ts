import { statfsSync } from 'node:fs';

/** NSFS_MAGIC of linux/magic.h: the file system of namespaces. */
const NSFS_MAGIC = 0x6e73_6673;

/** Whether a path leads to a namespace: not when it is gone, nor when only the file is left that it was bound on. */
export function isNetns(path: string): boolean {
  try {
    return path !== '' && statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}
