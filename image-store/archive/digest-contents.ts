import { createHash, hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { ArchiveEntry } from './entry.ts';
import type { TarReader } from './tar-reader.ts';
import { sparsePieces } from './write-content.ts';

/** The digest of file contents; without help from the processor faster than sha256. */
export const CONTENT_DIGEST = 'sha512';
/** Bytes of one digest. */
export const DIGEST_SIZE = 64;

/** How much is hashed before this process looks after other things. */
const BREATH = 8 * 1024 ** 2;
/** Digests that wait to be written: of a million empty files nothing is hashed, and all would be kept. */
const MOST_WAITING = 1024;
const ZEROS: Buffer = Buffer.alloc(64 * 1024);

/** How the digests are taken. */
export interface DigestOptions {
  /** Gets the digests, several at a time, `DIGEST_SIZE` bytes each, and how many bytes were hashed since the last time. */
  readonly write: (digests: Buffer, hashed: number) => void;
  /** Ends the work early: nobody wants the digests any more. */
  readonly signal: AbortSignal;
}

/**
 * Hashes the contents of all files in archives, in the order in which they lie
 * there. Runs beside the process that extracts the same archives, on a core
 * that would be idle.
 * @throws GantryError ARCHIVE_*, as the extracting process does
 */
export async function digestContents(
  archives: Iterable<TarReader>,
  { write, signal }: DigestOptions,
): Promise<void> {
  const digests: Buffer[] = [];
  const pace = createPace((hashed) => write(Buffer.concat(digests.splice(0)), hashed));

  for (const reader of archives) {
    for (let entry = reader.next(); entry !== undefined; entry = reader.next()) {
      if (entry.type !== 'file') continue;
      if (signal.aborted) return;
      const digest = digestAtOnce(entry, reader);
      digests.push(digest ?? (await digestInPieces(entry, reader, { pace, signal })));
      if (digest !== undefined) await pace(entry.size);
      if (digests.length < MOST_WAITING) continue;
      write(Buffer.concat(digests.splice(0)), 0);
      await setImmediate();
    }
  }
  write(Buffer.concat(digests), 0);
}

/** Notes that so many bytes were hashed; now and then lets other things run. */
type Pace = (bytes: number) => Promise<void> | undefined;

function createPace(rest: (bytes: number) => void): Pace {
  let sofar = 0;

  return (bytes) => {
    sofar += bytes;
    if (sofar < BREATH) return undefined;
    rest(sofar);
    sofar = 0;
    return setImmediate();
  };
}

/** The digest of a file that is in the reader's buffer whole, as most are; undefined for others. */
function digestAtOnce(entry: ArchiveEntry, reader: TarReader): Buffer | undefined {
  if (entry.size === 0) return hash(CONTENT_DIGEST, '', 'buffer');
  if (entry.sparse !== undefined || entry.size > reader.buffered()) return undefined;

  return hash(CONTENT_DIGEST, reader.piece() ?? '', 'buffer');
}

interface Patience {
  readonly pace: Pace;
  readonly signal: AbortSignal;
}

/** The digest of the content as it will be read again, holes as zeros. */
async function digestInPieces(
  entry: ArchiveEntry,
  reader: TarReader,
  { pace, signal }: Patience,
): Promise<Buffer> {
  const digest = createHash(CONTENT_DIGEST);
  for (const bytes of contentPieces(entry, reader)) {
    if (signal.aborted) break;
    digest.update(bytes);
    await pace(bytes.length);
  }

  return digest.digest();
}

function* contentPieces(entry: ArchiveEntry, reader: TarReader): Generator<Buffer> {
  if (entry.sparse === undefined) {
    for (let piece = reader.piece(); piece !== undefined; piece = reader.piece()) yield piece;
    return;
  }

  let end = 0;
  for (const { position, bytes } of sparsePieces(entry, reader)) {
    yield* zeros(position - end);
    yield bytes;
    end = position + bytes.length;
  }
  yield* zeros(entry.size - end);
}

function* zeros(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= ZEROS.length) {
    yield left >= ZEROS.length ? ZEROS : ZEROS.subarray(0, left);
  }
}
