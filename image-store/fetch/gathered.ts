import { release } from '../archive/release.ts';

/** TLS brings 16 KiB at most; every step on the way of a chunk costs the same, however long it is. */
const ENOUGH = 128 * 1024;

/**
 * Passes on several chunks as one. What came before a failure is passed on before it.
 * @param chunks whose memory must be nobody else's
 */
export async function* gathered(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  let waiting: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of chunks) {
      waiting.push(chunk);
      length += chunk.length;
      if (length < ENOUGH) continue;
      const whole = joined(waiting);
      waiting = [];
      length = 0;
      yield whole;
    }
  } catch (error) {
    if (length > 0) yield joined(waiting);
    throw error;
  }
  if (length > 0) yield joined(waiting);
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;

  const whole = Buffer.concat(chunks);
  for (const chunk of chunks) release(chunk);
  return whole;
}
