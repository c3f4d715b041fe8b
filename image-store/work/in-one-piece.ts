/** Bytes as they are streamed, in memory that is the reader's. */
export async function* inOnePiece(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  await Promise.resolve();
  yield Buffer.from(bytes);
}
