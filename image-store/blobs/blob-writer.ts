import { close, constants, fdatasync, fstatSync, fsync, openSync, writev } from 'node:fs';
import type { Writable } from 'node:stream';
import type { DigestAlgorithm } from '#schema/oci/digest';
import { imageTooLarge } from '../archive/archive-error.ts';
import { storeError } from '../format/permissions.ts';
import type { BlobFile } from './taken-blobs.ts';

/** Where a blob goes while it comes, and how big it may become. */
export interface BlobWriterOptions {
  /** A file that must not exist yet. */
  readonly path: string;
  /** The store's folder, named in errors. */
  readonly dir: string;
  readonly maxBytes: number;
  /** sha512 unless told. */
  readonly algorithm?: DigestAlgorithm | undefined;
  /** Sees everything before it is written; what it throws ends the writing. */
  readonly look?: ((chunk: Buffer) => void) | undefined;
  /** Whether it is written out as it comes, so that `sync` has little to wait for; so unless told. */
  readonly durable?: boolean | undefined;
}

/** A file that is hashed while it is written. */
export interface BlobWriter {
  readonly sink: Writable;
  /** The hash of what was written; once, after the sink has finished. */
  digest(): Buffer;
  /** Bytes written so far. */
  size(): number;
  /** The file that is written to, as it is now; before it is closed. */
  file(): BlobFile;
  /** Makes what was written survive a power loss. */
  sync(): Promise<void>;
  /** Closes the file; a second time is nothing. */
  close(): Promise<void>;
}

const HIGH_WATER_MARK = 1024 * 1024;
/** So often the kernel is asked to write out what it has: the disk is busy while the processors are, and the last fsync waits for little. */
const FLUSH_EVERY = 4 * 1024 * 1024;
// O_EXCL and O_NOFOLLOW: nobody has put anything there before us.
const OPEN_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Opens a file for a blob that is being taken in. The sink fails with
 * IMAGE_TOO_LARGE above the limit and with STORE_FULL when the disk is full.
 */
export function openBlobWriter(options: BlobWriterOptions): BlobWriter {
  const { path, dir, maxBytes, look, algorithm = 'sha512', durable = true } = options;
  // Loaded here because who takes in no image, as most runs, should not wait for them.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const stream = process.getBuiltinModule('node:stream');
  const fd = openSync(path, OPEN_FLAGS, 0o600);
  const hash = createHash(algorithm);
  const flusher = createFlusher(fd);
  let writing: Promise<void> = Promise.resolve();
  let size = 0;
  let open = true;

  const take = (chunks: readonly Buffer[], done: (error?: Error) => void): void => {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    try {
      if (look !== undefined) for (const chunk of chunks) look(chunk);
      if (size + length > maxBytes) throw imageTooLarge(maxBytes);
    } catch (error) {
      done(error as Error);
      return;
    }
    size += length;
    writing = new Promise((resolve) => {
      writeAll(fd, chunks, (error) => {
        resolve();
        if (error === undefined && durable) flusher.wrote(length);
        done(error === undefined ? undefined : (storeError(error, dir) as Error));
      });
    });
    // While the thread pool writes, this thread hashes.
    for (const chunk of chunks) hash.update(chunk);
  };

  const sink = new stream.Writable({
    highWaterMark: HIGH_WATER_MARK,
    write: (chunk: Buffer, _encoding, done) => take([chunk], done),
    writev: (items, done) =>
      take(
        items.map(({ chunk }) => chunk as Buffer),
        done,
      ),
  });

  return {
    sink,
    digest: () => hash.digest(),
    size: () => size,
    file: () => fstatSync(fd, { bigint: true }),
    sync: async () => {
      try {
        await flusher.idle();
        await settled((done) => fsync(fd, done));
      } catch (error) {
        throw storeError(error, dir);
      }
    },
    close: async () => {
      if (!open) return;
      open = false;
      // A number closed under a call in the thread pool could be another file's by then.
      await writing;
      await flusher.idle().catch(() => {});
      await settled((done) => close(fd, done));
    },
  };
}

function settled(call: (done: (error: Error | null | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}

/** Writes several buffers at the file's position, going on after partial writes. */
function writeAll(fd: number, chunks: readonly Buffer[], done: (error?: Error) => void): void {
  writev(fd, chunks, (error, written) => {
    if (error !== null) {
      done(error);
      return;
    }
    const rest = dropBytes(chunks, written);
    if (rest.length === 0) done();
    else writeAll(fd, rest, done);
  });
}

function dropBytes(chunks: readonly Buffer[], count: number): readonly Buffer[] {
  let left = count;
  for (const [index, chunk] of chunks.entries()) {
    if (left < chunk.length) return [chunk.subarray(left), ...chunks.slice(index + 1)];
    left -= chunk.length;
  }

  return [];
}

interface Flusher {
  wrote(bytes: number): void;
  /** Settles when no flush is under way; rejects when one has failed, since the kernel tells a failure once only. */
  idle(): Promise<void>;
}

function createFlusher(fd: number): Flusher {
  let pending = 0;
  let running: Promise<void> | undefined;
  let failure: Error | undefined;

  return {
    wrote(bytes) {
      pending += bytes;
      if (pending < FLUSH_EVERY || running !== undefined) return;
      pending = 0;
      running = new Promise((resolve) => {
        fdatasync(fd, (error) => {
          failure ??= error ?? undefined;
          running = undefined;
          resolve();
        });
      });
    },
    async idle() {
      await running;
      if (failure !== undefined) throw failure;
    },
  };
}
