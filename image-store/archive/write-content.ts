import { createHash, hash } from 'node:crypto';
import { ftruncateSync, writeSync } from 'node:fs';
import type { Fd } from '#base/kernel/kernel';
import { refused } from './archive-error.ts';
import type { ArchiveEntry } from './entry.ts';
import type { TarReader } from './tar-reader.ts';

/** The digest of file contents; without help from the processor faster than sha256. */
export const CONTENT_DIGEST = 'sha512';

const ZEROS: Buffer = Buffer.alloc(64 * 1024);

/**
 * Writes the bytes of the reader's current entry into an empty file.
 * @returns the digest of the content as it will be read again, holes as zeros
 */
export function writeContent(fd: Fd, entry: ArchiveEntry, reader: TarReader): Buffer {
  if (entry.sparse !== undefined) return writeSparse(fd, entry, reader);

  const first = reader.piece();
  if (first === undefined) return hash(CONTENT_DIGEST, '', 'buffer');
  writeAll(fd, first);
  if (first.length === entry.size) return hash(CONTENT_DIGEST, first, 'buffer');

  const digest = createHash(CONTENT_DIGEST).update(first);
  for (let piece = reader.piece(); piece !== undefined; piece = reader.piece()) {
    writeAll(fd, piece);
    digest.update(piece);
  }
  return digest.digest();
}

function writeSparse(fd: Fd, entry: ArchiveEntry, reader: TarReader): Buffer {
  const digest = createHash(CONTENT_DIGEST);
  let position = 0;
  const hole = (until: number): void => {
    while (position < until) {
      const length = Math.min(ZEROS.length, until - position);
      digest.update(ZEROS.subarray(0, length));
      position += length;
    }
  };

  let rest: Buffer = Buffer.alloc(0);
  for (const run of entry.sparse ?? []) {
    hole(run.offset);
    for (let left = run.length; left > 0; ) {
      if (rest.length === 0) rest = reader.piece() ?? Buffer.alloc(0);
      const piece = rest.subarray(0, left);
      if (piece.length === 0) throw refused(entry.path, 'its sparse map does not match its size');
      writeAll(fd, piece, position);
      digest.update(piece);
      position += piece.length;
      left -= piece.length;
      rest = rest.subarray(piece.length);
    }
  }
  hole(entry.size);
  ftruncateSync(fd, entry.size);

  return digest.digest();
}

function writeAll(fd: Fd, bytes: Buffer, position?: number): void {
  for (let at = 0; at < bytes.length; ) {
    const where = position === undefined ? null : position + at;
    at += writeSync(fd, bytes, at, bytes.length - at, where);
  }
}
