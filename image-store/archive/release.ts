/**
 * Gives the memory of a buffer back at once, for its only owner. The collector
 * does so only after a mark of the whole heap, which every 16 MB of such
 * buffers start anew: a quarter of the processor time of a fetch, and memory
 * that grows meanwhile. A buffer that shares its memory with others is left
 * alone, unless it is the last part of it and those before it are used up.
 * @param isLast whether every part before this one, in the same memory, is used up
 */
export function release(chunk: Buffer, { isLast = false }: { isLast?: boolean } = {}): void {
  const { buffer, byteOffset, byteLength } = chunk;
  const reachesEnd = byteOffset + byteLength === buffer.byteLength;
  if (!(buffer instanceof ArrayBuffer) || !reachesEnd || !(isLast || byteOffset === 0)) return;

  try {
    buffer.transfer(0);
  } catch {
    // The pool that Node cuts small buffers from refuses to be given away.
  }
}
