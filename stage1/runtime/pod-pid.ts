import { readSmallFile } from '#base/fs/small-file';

/** More than the largest process number, with its line break, takes. */
const PID_BYTES = 32;

/**
 * The number that stage1 wrote for the pod's first process, or its parent.
 * @param path `pidPath` or `ppidPath`
 * @returns undefined when there is none (yet), or it is no number
 * @throws GantryError FILE_UNREADABLE for something else than a small file
 */
export function readPodPid(path: string): number | undefined {
  const digits = readSmallFile(path, PID_BYTES)?.trim() ?? '';

  return /^[1-9]\d{0,9}$/.test(digits) ? Number(digits) : undefined;
}
