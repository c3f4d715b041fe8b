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
  /** Passes over bytes; on a regular file without reading them. @throws GantryError ARCHIVE_TRUNCATED */
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
  return createBuffered(Buffer.allocUnsafeSlow(bufferSize), {
    read: (buffer, at, position) => readSync(fd, buffer, at, buffer.length - at, position),
    end: size,
  });
}

/**
 * As `createByteSource`, but nothing is passed over without being read.
 * @param tell gets every byte once, in order; valid until it returns
 */
export function createWatchedSource(fd: Fd, tell: (bytes: Buffer) => void): ByteSource {
  return createBuffered(Buffer.allocUnsafeSlow(BUFFER_SIZE), {
    read: (buffer, at, position) => {
      const got = readSync(fd, buffer, at, buffer.length - at, position);
      tell(buffer.subarray(at, at + got));
      return got;
    },
  });
}

/**
 * A source over what comes through a pipe, which is read to where it is wanted.
 * @param first what was read of it already
 */
export function createPipeSource(fd: Fd, first: Buffer): ByteSource {
  const buffer = Buffer.allocUnsafeSlow(Math.max(BUFFER_SIZE, first.length));
  first.copy(buffer);

  return createBuffered(buffer, {
    read: (into, at) => readSync(fd, into, at, into.length - at, null),
    filled: first.length,
  });
}

interface Origin {
  /** Reads into the rest of the buffer from `at` on. @returns 0 at the end */
  readonly read: (buffer: Buffer, at: number, position: number) => number;
  /** The length of what can be passed over without being read; undefined where nothing can. */
  readonly end?: number | undefined;
  /** How much of the buffer is filled already. */
  readonly filled?: number | undefined;
}

function createBuffered(buffer: Buffer, { read, end: length, filled = 0 }: Origin): ByteSource {
  let [start, end, position] = [0, filled, filled];

  const fill = (): boolean => {
    const got = read(buffer, end, position);
    end += got;
    position += got;
    return got > 0;
  };
  const take = (wanted: number): Buffer => {
    const piece = buffer.subarray(start, start + wanted);
    start += wanted;
    return piece;
  };
  const some = (limit: number): Buffer | undefined => {
    if (start === end) {
      start = 0;
      end = 0;
      if (!fill()) return undefined;
    }
    return take(Math.min(limit, end - start));
  };

  return {
    some,

    exactly(wanted) {
      if (end - start < wanted) {
        buffer.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      for (;;) {
        if (end - start >= wanted) return take(wanted);
        if (fill()) continue;
        if (end === start) return undefined;
        throw truncated('it ends inside a block');
      }
    },

    buffered: () => end - start,

    skip(wanted) {
      const buffered = Math.min(wanted, end - start);
      start += buffered;
      let left = wanted - buffered;
      if (length === undefined) {
        while (left > 0) left -= some(left)?.length ?? ended();
        return;
      }
      position += left;
      if (position > length) ended();
    },
  };
}

function ended(): never {
  throw truncated('it ends inside an entry');
}
