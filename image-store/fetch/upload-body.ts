import { Readable } from 'node:stream';
import type { SentBody } from './exchange.ts';

/** The body of a request on its way. */
export interface Upload {
  readonly stream: Readable;
  /** As in `Content-Length`. */
  readonly length: string;
  /** Whether all of it was read. */
  isSent(): boolean;
  /** Tells of every piece, and of the end. */
  watch(moved: () => void, sent: () => void): void;
}

/** Starts to send. What the body fails with is why the request is given up. */
export function startUpload(body: SentBody, abort: AbortController): Upload {
  let [moved, sent] = [(): void => {}, (): void => {}];
  let isSent = false;
  async function* pieces(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const piece of body.open()) {
        moved();
        yield piece;
      }
    } catch (error) {
      abort.abort(error);
      throw error;
    }
    isSent = true;
    sent();
  }

  return {
    stream: Readable.from(pieces(), { objectMode: false }),
    length: String(body.length),
    isSent: () => isSent,
    watch: (onMoved, onSent) => {
      [moved, sent] = [onMoved, onSent];
    },
  };
}
