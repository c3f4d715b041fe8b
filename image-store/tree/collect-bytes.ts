const PIECE = 256 * 1024;

/** Bytes that are put one behind another. */
export interface CollectedBytes {
  /** @param write puts exactly `length` bytes into a buffer from a place on */
  add(length: number, write: (into: Buffer, at: number) => void): void;
  pieces(): readonly Buffer[];
}

/** Collects bytes in memory that does not have to be copied to grow. */
export function collectBytes(): CollectedBytes {
  const full: Buffer[] = [];
  let last = Buffer.allocUnsafeSlow(0);
  let end = 0;

  return {
    add(length, write) {
      if (end + length > last.length) {
        if (end > 0) full.push(last.subarray(0, end));
        last = Buffer.allocUnsafeSlow(Math.max(PIECE, length));
        end = 0;
      }
      write(last, end);
      end += length;
    },
    pieces: () => [...full, last.subarray(0, end)],
  };
}
