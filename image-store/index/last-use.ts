import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs';
import type { ImageKey } from '#schema/types/image-hash';
import { lastUsePath } from '../format/layout.ts';
import { STORE_FILE_MODE } from '../format/permissions.ts';
import { readStoreFile } from '../format/store-file.ts';

/** Digits of a time; the file is overwritten in place, so every text has the same length. */
const DIGITS = 15;

/**
 * Notes that an image was used. Never fails: a member who may only read, a full
 * or a read-only disk must not keep anybody from running a pod. In place and
 * not durable, because it happens at every run and only gc asks for it.
 * @param now milliseconds since 1970
 */
export function writeLastUse(dir: string, key: ImageKey, now: number): void {
  try {
    const fd = openSync(
      lastUsePath(dir, key),
      constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      STORE_FILE_MODE,
    );
    try {
      const { mode, size } = fstatSync(fd);
      if (size === 0 && (mode & 0o777) !== STORE_FILE_MODE) fchmodSync(fd, STORE_FILE_MODE);
      writeSync(fd, String(Math.trunc(now)).padStart(DIGITS, '0'), 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    // See above.
  }
}

/** When an image was last used, milliseconds since 1970; 0 when nobody noted it. */
export function readLastUse(dir: string, key: ImageKey): number {
  try {
    const text = readStoreFile(lastUsePath(dir, key)) ?? '';
    return /^\d{1,15}$/.test(text) ? Number(text) : 0;
  } catch {
    return 0;
  }
}
