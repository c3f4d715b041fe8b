import { writeSync } from 'node:fs';
import { Writable } from 'node:stream';
import { errorCode } from '#base/errors/gantry-error';
import type { Fd } from '#base/kernel/kernel';

/** Node tells nobody when a terminal takes more. It is asked again only while it takes nothing. */
const AGAIN_MS = 10;

/**
 * Writes to a terminal that is opened with O_NONBLOCK. Node's own stream would
 * wait in write(2), and so stop reading as well; when the program on the
 * terminal waits in turn until somebody reads, both would wait for ever.
 * @param isOpen whether the descriptor still is; asked before each write
 */
export function writeCalmly(fd: Fd, isOpen: () => boolean): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const go = (rest: Buffer): void => {
        if (!isOpen()) return done();
        try {
          const left = rest.subarray(writeSync(fd, rest));
          if (left.length === 0) done();
          else go(left);
        } catch (error) {
          if (errorCode(error) !== 'EAGAIN') done(error as Error);
          else setTimeout(go, AGAIN_MS, rest);
        }
      };
      go(chunk);
    },
  });
}
