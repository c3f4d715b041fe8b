import type { Transform } from 'node:stream';
import { release } from './release.ts';

/** What went into an engine so far. */
export interface Fed {
  bytes: number;
  /** Whether that is all there is. */
  ended: boolean;
}

/** Long enough that a turn through the thread pool pays. */
const PORTION = 128 * 1024;

/**
 * Feeds an engine of node:zlib in portions of one size (TLS brings 16 KiB at
 * most): while it works on one, the other is filled. The memory of the chunks
 * is given back, so they must be nobody else's.
 * @throws what the chunks or the engine fail with
 */
export async function feed(
  engine: Transform,
  chunks: AsyncIterable<Buffer>,
  fed: Fed,
): Promise<void> {
  let portion = Buffer.allocUnsafeSlow(PORTION);
  let next = Buffer.allocUnsafeSlow(PORTION);
  let filled = 0;
  let working: Promise<void> = Promise.resolve();
  const pass = async (length: number): Promise<void> => {
    await working;
    working = write(engine, portion.subarray(0, length));
    // Its failure is thrown by the next wait.
    working.catch(() => {});
    [portion, next] = [next, portion];
    filled = 0;
  };

  for await (const chunk of chunks) {
    fed.bytes += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(portion, filled, at);
      at += copied;
      filled += copied;
      if (filled === PORTION) await pass(filled);
    }
    release(chunk);
  }
  fed.ended = true;
  await pass(filled);
  await working;
  engine.end();
}

function write(engine: Transform, portion: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    engine.write(portion, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}
