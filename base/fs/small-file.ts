import { closeSync, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { errorCode, GantryError } from '../errors/gantry-error.ts';
import type { Fd } from '../kernel/kernel.ts';
import { isOfNoFile, PLAIN } from './plain-file.ts';

/**
 * Reads a small file that somebody else may have put there: a regular file, no
 * longer than it may be, whatever else lies in its place.
 * @returns undefined when there is none
 * @throws GantryError FILE_UNREADABLE for anything else than a small regular file, and what open(2) says of permission
 */
export function readSmallFile(path: string, maxBytes: number): string | undefined {
  const fd = openPlain(path);
  if (fd === undefined) return undefined;
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw unreadable(path, 'it is not a regular file');
    if (stats.size > maxBytes) throw unreadable(path, `it has more than ${maxBytes} bytes`);

    const bytes = Buffer.alloc(stats.size);
    return bytes.subarray(0, readSync(fd, bytes, 0, stats.size, 0)).toString();
  } finally {
    closeSync(fd);
  }
}

function openPlain(path: string): Fd | undefined {
  try {
    // A failure costs more than a look.
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    return openSync(path, PLAIN);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw isOfNoFile(error) ? unreadable(path, 'it is not a regular file') : error;
  }
}

function unreadable(path: string, state: string): GantryError {
  return new GantryError('FILE_UNREADABLE', `cannot read "${path}": ${state}`);
}
