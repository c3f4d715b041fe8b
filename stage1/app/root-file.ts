import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { resolveInside } from '#base/fs/inside';
import { PLAIN } from '#base/fs/plain-file';

/** A passwd or group file beyond this is refused: it comes from an image. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Reads a regular file of an app's root as the app would find it: links lead
 * nowhere but inside, and a FIFO or device in the file's place is not opened
 * for waiting.
 * @returns undefined when there is no such file
 * @throws GantryError APP_FILE_UNREADABLE when it is not a regular file, or too large
 */
export function readRootFile(root: string, path: string): string | undefined {
  const fd = openRegular(resolveInside(root, path), path);
  if (fd === undefined) return undefined;

  try {
    const { size } = fstatSync(fd);
    if (size > MAX_BYTES) throw unreadable(path, `larger than ${MAX_BYTES} bytes`);
    const bytes = Buffer.alloc(size);
    let at = 0;
    for (let count = -1; at < size && count !== 0; at += count) {
      count = readSync(fd, bytes, at, size - at, at);
    }
    return bytes.subarray(0, at).toString('utf8');
  } finally {
    closeSync(fd);
  }
}

function openRegular(outside: string, path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(outside, PLAIN);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw unreadable(path, fileState(error), error);
  }
  if (fstatSync(fd).isFile()) return fd;

  closeSync(fd);
  throw unreadable(path, 'not a regular file');
}

function unreadable(path: string, state: string, cause?: unknown): GantryError {
  return new GantryError(
    'APP_FILE_UNREADABLE',
    `cannot read "${path}" of the app: ${state}`,
    cause === undefined ? {} : { cause },
  );
}
