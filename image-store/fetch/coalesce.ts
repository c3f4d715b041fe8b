/**
 * Joins small chunks (TLS brings 16 KiB at most) to ones of at least `size`
 * bytes, the last one excepted: each costs a turn through the thread pool.
 */
export async function* coalesce(
  chunks: AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    length += chunk.length;
    if (length < size) continue;
    yield join(held, length);
    held = [];
    length = 0;
  }
  if (length > 0) yield join(held, length);
}

function join(chunks: readonly Buffer[], length: number): Buffer {
  const [first] = chunks;

  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks, length);
}
