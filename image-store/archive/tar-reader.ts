import type { Fd } from '#base/kernel/kernel';
import { corrupt, refused, truncated } from './archive-error.ts';
import { type ByteSource, createByteSource } from './byte-source.ts';
import { type EntryHeaders, entryOf } from './entry-headers.ts';
import type { ArchiveEntry } from './entry.ts';
import { type PaxRecord, parsePax, paxInteger } from './pax.ts';
import { readInlineSparseMap, readOldSparseMap } from './sparse.ts';
import { BLOCK, decodeBlock, isZero, type TarBlock } from './tar-block.ts';

/** Upper bound of one extension header, as Go's archive/tar has it. */
const MAX_EXTENSION = 1024 ** 2;
/** Records that a global PAX header may carry: what they say changes no entry. */
const HARMLESS_GLOBALS: ReadonlySet<string> = new Set(['comment', 'charset', 'hdrcharset']);

/** Reads an archive forward, entry by entry, synchronously and in constant memory. */
export interface TarReader {
  /**
   * The next entry; what was not read of the one before is passed over.
   * @returns undefined at the archive's end, when all that follows is zeros
   * @throws GantryError ARCHIVE_CORRUPT, ARCHIVE_TRUNCATED, ARCHIVE_ENTRY_REFUSED
   */
  next(): ArchiveEntry | undefined;
  /**
   * The next piece of the entry's bytes (of a sparse file: of its runs), valid
   * until the next call of anything.
   * @returns undefined when all has been read
   */
  piece(): Buffer | undefined;
  /** How many bytes the next piece has at least, if the entry has so many. */
  buffered(): number;
}

/**
 * Opens a reader over an uncompressed archive. Why not the parser of the npm
 * package `tar`: see docs/decisions (it drops extended attributes, fractions of
 * seconds, sparse maps and, in GNU archives, device numbers).
 * @param fd a regular file
 * @param size its length in bytes
 * @param bufferSize bytes to read at a time, at least a block
 */
export function openTarReader(fd: Fd, size: number, bufferSize?: number): TarReader {
  return readTar(createByteSource(fd, size, bufferSize));
}

/** As `openTarReader`, from any source. */
export function readTar(source: ByteSource): TarReader {
  return createReader(source, { needsEnd: true });
}

/**
 * As `openTarReader`, of a layer of an OCI image. That may end behind any entry:
 * its digest tells that it is whole, and some programs leave the end mark out
 * (`umoci insert`), with the padding of the last file.
 */
export function openLayerReader(fd: Fd, size: number, bufferSize?: number): TarReader {
  return readLayer(createByteSource(fd, size, bufferSize));
}

/** As `openLayerReader`, from any source. */
export function readLayer(source: ByteSource): TarReader {
  return createReader(source, { needsEnd: false });
}

interface Form {
  /** Whether the archive must end with its mark. */
  readonly needsEnd: boolean;
}

function createReader(source: ByteSource, form: Form): TarReader {
  let content: Content = { left: 0, padding: 0 };

  return {
    next() {
      source.skip(content.left);
      passPadding(source, content.padding, form);
      const headers = readHeaders(source, form);
      if (headers === undefined) {
        content = { left: 0, padding: 0 };
        demandZeros(source);
        return undefined;
      }

      const entry = entryOf(headers);
      content = contentOf(headers.stored);
      return withSparseMap(source, { entry, headers, content });
    },

    piece() {
      if (content.left === 0) return undefined;

      const piece = source.some(content.left);
      if (piece === undefined) throw truncated('it ends inside a file');
      content.left -= piece.length;
      return piece;
    },

    buffered: () => source.buffered(),
  };
}

/** What is left of an entry's bytes in the archive. */
interface Content {
  left: number;
  padding: number;
}

function contentOf(stored: number): Content {
  return { left: stored, padding: (BLOCK - (stored % BLOCK)) % BLOCK };
}

/** A header block and all extensions before it; undefined at the end mark. */
function readHeaders(source: ByteSource, form: Form): EntryHeaders | undefined {
  let pax: readonly PaxRecord[] = [];
  let longName: Buffer | undefined;
  let longLink: Buffer | undefined;

  for (;;) {
    const block = readBlock(source, form);
    if (block === undefined) {
      if (pax.length > 0 || longName !== undefined || longLink !== undefined)
        throw corrupt('its last header belongs to no entry');
      return undefined;
    }
    switch (block.flag) {
      case 'x':
        pax = parsePax(readBody(source, block.size));
        break;
      case 'g':
        checkGlobal(parsePax(readBody(source, block.size)));
        break;
      case 'L':
        longName = withoutNul(readBody(source, block.size));
        break;
      case 'K':
        longLink = withoutNul(readBody(source, block.size));
        break;
      default:
        return { block, pax, longName, longLink, stored: storedSize(block, pax) };
    }
  }
}

function passPadding(source: ByteSource, length: number, { needsEnd }: Form): void {
  if (needsEnd) source.skip(length);
  else for (let left = length; left > 0; ) left -= source.some(left)?.length ?? left;
}

function readBlock(source: ByteSource, { needsEnd }: Form): TarBlock | undefined {
  const bytes = source.exactly(BLOCK);
  if (bytes === undefined && !needsEnd) return undefined;
  if (bytes === undefined) throw truncated('it ends without an end mark');

  return decodeBlock(bytes);
}

/** How many bytes the entry takes in the archive: the PAX record wins over the header. */
function storedSize(block: TarBlock, pax: readonly PaxRecord[]): number {
  const record = pax.findLast(({ key }) => key === 'size');
  const size = record === undefined ? block.size : paxInteger('size', record.value);
  if (size < 0) throw corrupt('an entry has an impossible size');

  return size;
}

function readBody(source: ByteSource, size: number): Buffer {
  if (size < 0 || size > MAX_EXTENSION) throw corrupt('an extension header is too large');

  const pieces: Buffer[] = [];
  for (let left = size; left > 0; ) {
    const piece = source.some(left);
    if (piece === undefined) throw truncated('it ends inside a header');
    pieces.push(Buffer.from(piece));
    left -= piece.length;
  }
  source.skip(contentOf(size).padding);
  return Buffer.concat(pieces);
}

function withoutNul(body: Buffer): Buffer {
  const end = body.indexOf(0);
  return end === -1 ? body : body.subarray(0, end);
}

function checkGlobal(records: readonly PaxRecord[]): void {
  const foreign = records.find(({ key }) => !HARMLESS_GLOBALS.has(key));
  if (foreign !== undefined)
    throw corrupt(`a global PAX header changes "${foreign.key}" of every entry`);
}

/** After the first block of zeros nothing but zeros may follow: anything else is hidden from other readers. */
function demandZeros(source: ByteSource): void {
  for (;;) {
    const piece = source.some(Number.MAX_SAFE_INTEGER);
    if (piece === undefined) return;
    if (!isZero(piece)) throw corrupt('there is data after its end mark');
  }
}

interface Opened {
  readonly entry: ArchiveEntry;
  readonly headers: EntryHeaders;
  readonly content: Content;
}

/** Reads the map of a sparse file where it lies among the file's bytes. */
function withSparseMap(source: ByteSource, { entry, headers, content }: Opened): ArchiveEntry {
  if (entry.sparse === undefined) return entry;

  let sparse = entry.sparse;
  if (headers.block.flag === 'S') sparse = readOldSparseMap(source, headers.block.raw);
  else if (headers.pax.some(({ key }) => key === 'GNU.sparse.major')) {
    sparse = readInlineSparseMap(source, content);
  }

  let end = 0;
  let bytes = 0;
  for (const { offset, length } of sparse) {
    if (offset < end || length < 0 || !Number.isSafeInteger(offset + length))
      throw refused(entry.path, 'its sparse map is out of order');
    end = offset + length;
    bytes += length;
  }
  if (end > entry.size || bytes !== content.left)
    throw refused(entry.path, 'its sparse map does not match its size');

  return { ...entry, sparse };
}
