import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { release } from './release.ts';

/**
 * Writes all chunks to a stream and ends it, never ahead of it. The memory of
 * each chunk is given back as soon as it is written, so they must be nobody
 * else's.
 * @throws what the chunks or the stream fail with
 */
export async function pour(chunks: AsyncIterable<Buffer>, sink: Writable): Promise<void> {
  try {
    for await (const chunk of chunks) {
      const isRoom = sink.write(chunk, () => release(chunk, { isLast: true }));
      if (!isRoom) await drained(sink);
    }
    sink.end();
    await finished(sink);
  } catch (error) {
    sink.destroy();
    throw error;
  }
}

/** Waits until a stream takes more, or says why it never will. */
export async function drained(sink: Writable): Promise<void> {
  if (!sink.closed) {
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        sink.off('drain', settle);
        sink.off('close', settle);
        resolve();
      };
      sink.on('drain', settle);
      sink.on('close', settle);
    });
  }
  if (sink.errored !== null) throw sink.errored;
  if (sink.destroyed) throw new Error('the stream was destroyed while it was written');
}
