import { crc32 } from 'node:zlib';
import { XZ_MAGIC } from './magic.ts';

/** The .xz File Format, 2.1.2. */
const FOOTER_BYTES = 12;
/** xz takes less than this for the beginning of another stream, whatever it is (2.1.1). */
const HEADER_BYTES = 12;

/** So many last bytes `isXzAndMore` wants to see. */
export const XZ_TAIL: number = FOOTER_BYTES + HEADER_BYTES - 1;

/** Whether data that xz finds too short is whole, and something else follows that is too short for a stream. */
export function isXzAndMore(tail: Buffer): boolean {
  for (let end = tail.length - 1; end >= FOOTER_BYTES; end -= 1) {
    if (isFooter(tail.subarray(end - FOOTER_BYTES, end))) return !beginsStream(tail.subarray(end));
  }

  return false;
}

function isFooter(bytes: Buffer): boolean {
  return (
    bytes.toString('latin1', 10) === 'YZ' && bytes.readUInt32LE() === crc32(bytes.subarray(4, 10))
  );
}

function beginsStream(rest: Buffer): boolean {
  const length = Math.min(rest.length, XZ_MAGIC.length);

  return rest.subarray(0, length).equals(XZ_MAGIC.subarray(0, length));
}
