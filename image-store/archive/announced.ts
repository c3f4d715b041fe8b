import { tooBig } from './archive-error.ts';
import type { ArchiveLimits } from './limits.ts';
import { parsePax, paxInteger } from './pax.ts';
import { oldSparseSize } from './sparse.ts';
import { BLOCK, isZero, number } from './tar-block.ts';

/** What is larger is refused by whoever reads the archive. */
const MAX_EXTENSION = 1024 ** 2;
const FLAG_AT = 156;
const SIZE_AT = 124;
const SIZE_LENGTH = 12;

/**
 * Watches an archive on its way to the disk: what it announces to hold is refused
 * when that is announced, not when it has been written. It knows sizes only;
 * anything else that is wrong is left to who reads the archive afterwards.
 * @returns takes the archive, chunk by chunk, and keeps none of it; throws
 *   GantryError ARCHIVE_TOO_BIG
 */
export function watchAnnounced(limits: Pick<ArchiveLimits, 'maxBytes'>): (chunk: Buffer) => void {
  const state: State = { skip: 0, want: BLOCK, pieces: [], extension: undefined, size: undefined };
  let bytes = 0;

  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (state.skip > 0) {
        const passed = Math.min(state.skip, chunk.length - at);
        state.skip -= passed;
        at += passed;
        continue;
      }
      const piece = chunk.subarray(at, at + state.want);
      at += piece.length;
      const whole = gather(state, piece);
      if (whole === undefined) return;
      bytes += announced(state, whole);
      if (bytes > limits.maxBytes) throw tooBig(`it holds more than ${limits.maxBytes} bytes`);
    }
  };
}

interface State {
  /** Bytes until something is looked at again. */
  skip: number;
  /** Bytes of it that are still to come. */
  want: number;
  readonly pieces: Buffer[];
  /** The flag of the extension whose body is read; undefined while a header is. */
  extension: string | undefined;
  /** What an extension says of the next entry's size. */
  size: SizeRecords | undefined;
}

interface SizeRecords {
  readonly stored: number | undefined;
  readonly real: number | undefined;
}

/** @returns the header or body once it is whole */
function gather(state: State, piece: Buffer): Buffer | undefined {
  state.want -= piece.length;
  if (state.want === 0 && state.pieces.length === 0) return piece;
  state.pieces.push(Buffer.from(piece));
  if (state.want > 0) return undefined;

  return Buffer.concat(state.pieces.splice(0));
}

/** @returns bytes that the next entry will take on disk; 0 for what is no entry */
function announced(state: State, bytes: Buffer): number {
  try {
    if (state.extension === undefined) return readHeader(state, bytes);
    if (state.extension === 'x') state.size = sizesIn(bytes);
    state.skip = padding(bytes.length);
    state.extension = undefined;
    state.want = BLOCK;
    return 0;
  } catch {
    // It is no archive, or a broken one.
    state.skip = Number.POSITIVE_INFINITY;
    return 0;
  }
}

function readHeader(state: State, block: Buffer): number {
  state.want = BLOCK;
  if (isZero(block)) {
    state.skip = Number.POSITIVE_INFINITY;
    return 0;
  }
  const flag = String.fromCharCode(block[FLAG_AT] ?? 0);
  const size = number(block, SIZE_AT, SIZE_LENGTH);
  if ('xgLK'.includes(flag)) {
    state.extension = flag;
    state.want = size > 0 && size <= MAX_EXTENSION ? size : BLOCK;
    if (state.want !== size) state.skip = Number.POSITIVE_INFINITY;
    return 0;
  }

  const { stored = size, real = flag === 'S' ? oldSparseSize(block) : stored } = state.size ?? {};
  state.size = undefined;
  state.skip = Math.max(0, stored) + padding(Math.max(0, stored));
  return Math.max(0, stored, real);
}

const padding = (length: number): number => (BLOCK - (length % BLOCK)) % BLOCK;

function sizesIn(body: Buffer): SizeRecords | undefined {
  if (!body.includes('size=')) return undefined;
  const records = parsePax(body);
  const last = (...keys: readonly string[]): number | undefined => {
    const found = records.findLast(({ key }) => keys.includes(key));
    return found === undefined ? undefined : paxInteger(found.key, found.value);
  };

  return { stored: last('size'), real: last('GNU.sparse.realsize', 'GNU.sparse.size') };
}
