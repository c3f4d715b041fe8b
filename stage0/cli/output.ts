import { writeSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';

/** Where a command's data goes. Talk goes to the log, on standard error. */
export interface Output {
  /**
   * Writes data to standard output. That its reader has gone away is no error:
   * the rest is dropped.
   * @returns false when nobody reads any more
   * @throws GantryError OUTPUT_FAILED, when the disk is full for example
   */
  write(data: string | Uint8Array): boolean;
}

/** How long to wait before a descriptor that takes nothing now is tried again. */
const RETRY_MS = 5;

/** The process's standard output, or standard error where that carries data too. */
export function standardOutput(fd: 1 | 2 = 1): Output {
  let closed = false;

  return {
    write(data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      if (!closed) closed = writeAll(fd, bytes) === 'closed';
      return !closed;
    },
  };
}

function writeAll(fd: 1 | 2, bytes: Uint8Array): 'written' | 'closed' {
  for (let rest = bytes; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EPIPE') return 'closed';
      if (code !== 'EAGAIN') {
        const name = fd === 1 ? 'output' : 'error';
        throw new GantryError('OUTPUT_FAILED', `cannot write to standard ${name}`, {
          cause: error,
        });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }

  return 'written';
}
