import { ftruncateSync, writeSync } from 'node:fs';
import type { Fd } from '#base/kernel/kernel';
import { refused } from './archive-error.ts';
import type { ArchiveEntry } from './entry.ts';
import type { TarReader } from './tar-reader.ts';

/** Writes the bytes of the reader's current entry into an empty file; holes stay holes. */
export function writeContent(fd: Fd, entry: ArchiveEntry, reader: TarReader): void {
  if (entry.sparse !== undefined) {
    for (const { position, bytes } of sparsePieces(entry, reader)) writeAll(fd, bytes, position);
    ftruncateSync(fd, entry.size);
    return;
  }
  for (let piece = reader.piece(); piece !== undefined; piece = reader.piece()) writeAll(fd, piece);
}

/** Real bytes of a sparse file and where in it they belong. */
export interface SparsePiece {
  readonly position: number;
  /** Valid until the next one. */
  readonly bytes: Buffer;
}

/** The real bytes of a sparse file, in order. */
export function* sparsePieces(entry: ArchiveEntry, reader: TarReader): Generator<SparsePiece> {
  let rest: Buffer = Buffer.alloc(0);
  for (const { offset, length } of entry.sparse ?? []) {
    for (let done = 0; done < length; ) {
      if (rest.length === 0) rest = reader.piece() ?? rest;
      const bytes = rest.subarray(0, length - done);
      if (bytes.length === 0) throw refused(entry.path, 'its sparse map does not match its size');

      yield { position: offset + done, bytes };
      done += bytes.length;
      rest = rest.subarray(bytes.length);
    }
  }
}

function writeAll(fd: Fd, bytes: Buffer, position?: number): void {
  for (let at = 0; at < bytes.length; ) {
    const where = position === undefined ? null : position + at;
    at += writeSync(fd, bytes, at, bytes.length - at, where);
  }
}
