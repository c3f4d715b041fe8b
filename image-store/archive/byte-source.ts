import { readSync } from 'node:fs';
import type { Fd } from '#base/kernel/kernel';
import { truncated } from './archive-error.ts';

/** Large enough for whole pieces of files; a reader that wants only headers takes a smaller one. */
const BUFFER_SIZE = 256 * 1024;

/** Forward reading of a descriptor through one buffer, synchronously. */
export interface ByteSource {
  /**
   * At most `limit` bytes, at least one; valid until the next call.
   * @returns undefined at the end
   */
  some(limit: number): Buffer | undefined;
  /**
   * Exactly `length` bytes, which fit the buffer; valid until the next call.
   * @returns undefined when the end is reached before the first byte
   * @throws GantryError ARCHIVE_TRUNCATED when it is reached later
   */
  exactly(length: number): Buffer | undefined;
  /** How many bytes the next call of `some` gives at least. */
  buffered(): number;
  /** Passes over bytes; on a regular file without reading them. */
  skip(length: number): void;
}

/**
 * A source over a regular file, read by position: the descriptor's own offset
 * does not move, so several readers may share it.
 * @param size the length of the file in bytes
 */
export function createByteSource(
  fd: Fd,
  size: number,
  bufferSize: number = BUFFER_SIZE,
): ByteSource {
  const buffer = Buffer.allocUnsafeSlow(bufferSize);
  let [start, end, position] = [0, 0, 0];

  const fill = (): boolean => {
    const got = readSync(fd, buffer, end, bufferSize - end, position);
    end += got;
    position += got;
    return got > 0;
  };
  const take = (length: number): Buffer => {
    const piece = buffer.subarray(start, start + length);
    start += length;
    return piece;
  };

  return {
    some(limit) {
      if (start === end) {
        start = 0;
        end = 0;
        if (!fill()) return undefined;
      }
      return take(Math.min(limit, end - start));
    },

    exactly(length) {
      if (end - start < length) {
        buffer.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      for (;;) {
        if (end - start >= length) return take(length);
        if (fill()) continue;
        if (end === start) return undefined;
        throw truncated('it ends inside a block');
      }
    },

    buffered: () => end - start,

    skip(length) {
      const buffered = Math.min(length, end - start);
      start += buffered;
      position += length - buffered;
      if (position > size) throw truncated('it ends inside an entry');
    },
  };
}
