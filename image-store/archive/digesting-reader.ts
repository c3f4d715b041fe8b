import { createHash, type Hash, hash } from 'node:crypto';
import type { ArchiveEntry } from './entry.ts';
import { CONTENT_DIGEST, DIGEST_SIZE } from './digest-contents.ts';
import type { TarReader } from './tar-reader.ts';

/** A reader that hashes contents while they are read. */
export interface DigestingReader extends TarReader {
  /**
   * The digest of a file that was read whole.
   * @param index of the file, in the order of the archive
   * @returns undefined for any other, and for a sparse one
   */
  digestOf(index: number): Buffer | undefined;
}

/** Has the contents of files hashed on their way, by whoever reads them. */
export function digesting(reader: TarReader): DigestingReader {
  const digests = createDigests();
  let files = 0;
  let content: Content | undefined;

  return {
    next() {
      const entry = reader.next();
      content = entry === undefined ? undefined : contentOf(entry, files);
      if (entry?.type === 'file') files += 1;
      if (content?.left === 0) digests.put(content.index, hash(CONTENT_DIGEST, '', 'buffer'));
      return entry;
    },

    piece() {
      const piece = reader.piece();
      if (piece === undefined || content === undefined) return piece;

      const digest = digestWith(content, piece);
      if (digest !== undefined) digests.put(content.index, digest);
      return piece;
    },

    buffered: () => reader.buffered(),
    digestOf: (index) => digests.get(index),
  };
}

/** A file whose content is being read. */
interface Content {
  readonly index: number;
  left: number;
  /** Of what came before; undefined while nothing did. */
  hash: Hash | undefined;
}

function contentOf({ type, size, sparse }: ArchiveEntry, index: number): Content | undefined {
  return type === 'file' && sparse === undefined
    ? { index, left: size, hash: undefined }
    : undefined;
}

/** @returns the digest, with the last piece */
function digestWith(content: Content, piece: Buffer): Buffer | undefined {
  content.left -= piece.length;
  // Most files are one piece.
  if (content.hash === undefined && content.left === 0) {
    return hash(CONTENT_DIGEST, piece, 'buffer');
  }
  content.hash ??= createHash(CONTENT_DIGEST);
  content.hash.update(piece);

  return content.left === 0 ? content.hash.digest() : undefined;
}

const DIGESTS_A_PIECE = 1024;

/** Digests by their number, outside of the heap, since an archive may hold a million. */
function createDigests(): {
  put(index: number, digest: Buffer): void;
  get(index: number): Buffer | undefined;
} {
  const pieces: (Buffer | undefined)[] = [];
  const placeOf = (index: number): number => (index % DIGESTS_A_PIECE) * DIGEST_SIZE;
  const pieceOf = (index: number): number => Math.floor(index / DIGESTS_A_PIECE);

  return {
    put(index, digest) {
      digest.copy(
        (pieces[pieceOf(index)] ??= Buffer.alloc(DIGESTS_A_PIECE * DIGEST_SIZE)),
        placeOf(index),
      );
    },
    get: (index) => {
      const at = placeOf(index);
      const digest = pieces[pieceOf(index)]?.subarray(at, at + DIGEST_SIZE);

      return digest?.some((byte) => byte !== 0) === true ? digest : undefined;
    },
  };
}
