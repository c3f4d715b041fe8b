import { closeSync, openSync, readSync } from 'node:fs';
import { GantryError } from '../errors/gantry-error.ts';

const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a file that a user has named, whatever it is: a pipe of the shell's or
 * a device has no size to look at, and may never end.
 * @param maxBytes how long it may be
 * @throws what open(2) and read(2) say; GantryError FILE_TOO_LARGE, whose message is the end of the caller's
 */
export function readNamedFile(path: string, maxBytes: number): Buffer {
  const fd = openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    for (let length = 0; length <= maxBytes; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const count = readSync(fd, chunk);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
      length += count;
    }
  } finally {
    closeSync(fd);
  }

  throw new GantryError('FILE_TOO_LARGE', `it has more than ${maxBytes} bytes`);
}
