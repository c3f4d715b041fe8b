import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import type { Exec, ExecResult, RunningProgram } from '#base/exec/exec';
import type { Fd } from '#base/kernel/kernel';
import type { ProgressEvent } from '#base/log/log';
import { digestContents } from '../archive/digest-contents.ts';
import type { DirectoryLook } from '../archive/directory-look.ts';
import type { Layer } from '../archive/extract.ts';
import type { ArchiveLimits } from '../archive/limits.ts';
import { drained } from '../archive/pour.ts';
import { release } from '../archive/release.ts';
import { openTarReader } from '../archive/tar-reader.ts';
import type { ExtractionDone, ExtractionRequest, LayerRequest } from './extraction-protocol.ts';
import { readAnswer } from './worker-answer.ts';

/** What it takes to extract. */
export interface Extractor {
  readonly exec: Exec;
  /** How the extracting program starts. */
  readonly worker: readonly [string, ...string[]];
  readonly limits: ArchiveLimits;
}

/** What is extracted, and where to. */
export interface Extraction {
  /** An empty directory. */
  readonly root: string;
  readonly layers: readonly ExtractedLayer[];
  /** Directories that are made beside them, each below one before it. */
  readonly directories?: readonly DirectoryLook[] | undefined;
  /** Makes it a tree that can be checked later: listed, hashed, and all written to disk. */
  readonly record?: ExtractionRecord | undefined;
  /** Told how far it has come; only with a record. */
  readonly progress?: ((progress: ExtractionProgress) => void) | undefined;
}

/** One archive, uncompressed. */
export interface ExtractedLayer extends Pick<Layer, 'whitelists' | 'whiteouts'> {
  /** The image or the layer, for errors. */
  readonly key: string;
  readonly blob: string;
  /** Whether it was hashed before, and is what it was; otherwise it is hashed while it is extracted. */
  readonly isIntact?: boolean | undefined;
}

/** How far an extraction has come, judged by the hashing beside it. */
export type ExtractionProgress = Pick<ProgressEvent, 'done' | 'total' | 'unit' | 'finished'>;

/** Files that are made. */
export interface ExtractionRecord {
  readonly listingPath: string;
  /** Of use only while the extraction lasts. */
  readonly digestsPath: string;
}

/** The first descriptor behind standard input, output and error. */
const FIRST_FD = 3;

/**
 * Extracts images in a process of its own, which has no other root than the
 * target, and hashes their contents here meanwhile. On failure the target holds
 * parts of the images.
 * @throws GantryError IMAGE_CORRUPT, ARCHIVE_*, ACI_LAYOUT_INVALID, EXTRACT_NEEDS_ROOT, EXTRACT_NO_SPACE, EXTRACT_FAILED
 */
export async function extract(
  extractor: Extractor,
  { root, layers, directories, record, progress = () => {} }: Extraction,
): Promise<ExtractionDone> {
  using files = openFiles(layers, record);
  const { blobs, written, digests } = files;
  const first = FIRST_FD + written.length;
  const request: ExtractionRequest = {
    kind: 'extract',
    root,
    limits: extractor.limits,
    layers: layers.map(({ key, isIntact, whitelists, whiteouts }, index) => ({
      fd: first + index,
      size: blobs[index]?.size ?? 0,
      key: isIntact === true ? undefined : key,
      whitelists,
      whiteouts,
    })),
    directories,
    record: record === undefined ? undefined : { listingFd: FIRST_FD, digestsFd: FIRST_FD + 1 },
  };

  const running = start(extractor, request, [...written, ...blobs.map(({ fd }) => fd)]);
  const work = { blobs, digests, progress };
  const failure = await tryDigests(running, work);
  running.stdin.end();
  try {
    return answerIn(running, await running.ended, root);
  } catch (error) {
    // What the extracting process says names the entry; that digests are missing says nothing.
    throw isGantryError(error, 'EXTRACT_FAILED') && failure !== undefined ? failure : error;
  }
}

/** A layer of an OCI image that is extracted while it comes. */
export interface LayerExtraction {
  /** An empty directory. */
  readonly root: string;
  /** A file that is made. */
  readonly listingPath: string;
  /** Its archive, unpacked; the memory of the chunks must be nobody else's. */
  readonly archive: AsyncGenerator<Buffer, void, undefined>;
}

/**
 * As `extract`, of what comes, and hashed where it is extracted. The archive is
 * read to its end whatever becomes of the extraction, since only its end tells
 * whether it is what it must be.
 * @returns what was placed; throws what `extract` throws
 * @throws what the archive fails with
 */
export async function extractLayer(
  extractor: Extractor,
  { root, listingPath, archive }: LayerExtraction,
): Promise<() => ExtractionDone> {
  const listing = openSync(listingPath, 'wx', 0o600);
  try {
    const { limits } = extractor;
    const running = start(extractor, { kind: 'layer', root, limits, listingFd: FIRST_FD }, [
      listing,
    ]);
    try {
      await send(archive, running.stdin);
    } catch (error) {
      running.kill('SIGKILL');
      await running.ended;
      throw error;
    }
    const result = await running.ended;

    return () => answerIn(running, result, root);
  } finally {
    closeSync(listing);
  }
}

/** Sends all chunks as long as somebody takes them, and reads the rest. */
async function send(archive: AsyncIterable<Buffer>, sink: Writable): Promise<void> {
  for await (const chunk of archive) {
    if (sink.destroyed) release(chunk, { isLast: true });
    else if (!sink.write(chunk, () => release(chunk, { isLast: true }))) {
      // Why nobody takes any more is in the answer.
      await drained(sink).catch(() => {});
    }
  }
  sink.end();
}

interface Running extends Pick<RunningProgram, 'stdin' | 'ended' | 'kill'> {
  /** What it has written to standard output so far; all of it when it has ended. */
  readonly said: readonly Buffer[];
}

interface DigestWork {
  readonly blobs: OpenFiles['blobs'];
  readonly digests: OpenFiles['digests'];
  readonly progress: (progress: ExtractionProgress) => void;
}

/** @returns what went wrong */
async function tryDigests(
  { ended }: Running,
  { blobs, digests, progress }: DigestWork,
): Promise<unknown> {
  if (digests === undefined) return undefined;

  const over = new AbortController();
  const stop = (): void => over.abort();
  ended.then(stop, stop);
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  try {
    const write = (bytes: Buffer, hashed: number): void => {
      writeFileSync(digests, bytes);
      done += hashed;
      if (hashed > 0) progress({ done, total, unit: 'bytes' });
    };
    // One after the other: each has a buffer of its own.
    const archives = blobs.values().map(({ fd, size }) => openTarReader(fd, size));
    await digestContents(archives, { write, signal: over.signal });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    // What was over before anything could be told needs no telling.
    if (done > 0) progress({ done: total, total, unit: 'bytes', finished: true });
  }
}

interface OpenFiles extends Disposable {
  readonly blobs: readonly { readonly fd: Fd; readonly size: number }[];
  /** Those that the extracting process writes or reads besides. */
  readonly written: readonly Fd[];
  /** Where the digests go. */
  readonly digests: Fd | undefined;
}

function openFiles(layers: readonly ExtractedLayer[], record: Extraction['record']): OpenFiles {
  const fds: Fd[] = [];
  const open = (path: string, flags: string): Fd => {
    const fd = openSync(path, flags, 0o600);
    fds.push(fd);
    return fd;
  };
  const close = (): void => fds.splice(0).forEach((fd) => closeSync(fd));

  try {
    const written =
      record === undefined ? [] : [open(record.listingPath, 'wx'), open(record.digestsPath, 'wx+')];
    const blobs = layers.map(({ blob, key }) => {
      const fd = openBlob(key, () => open(blob, 'r'));
      return { fd, size: fstatSync(fd).size };
    });
    return { blobs, written, digests: written[1], [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

function openBlob(key: string, open: () => Fd): Fd {
  try {
    return open();
  } catch (cause) {
    if (obstacleOf(cause) !== undefined) throw cause;
    throw new GantryError(
      'IMAGE_CORRUPT',
      `cannot read image "${key}": its blob cannot be opened`,
      {
        hint: 'remove the image and fetch it again',
        cause,
      },
    );
  }
}

function start(
  { exec, worker }: Extractor,
  request: ExtractionRequest | LayerRequest,
  fds: readonly Fd[],
): Running {
  const running = exec.stream({ argv: worker, env: {}, extraFds: fds });
  // A process that has ended early says why in its answer.
  running.stdin.on('error', () => {});
  running.stdin.write(`${JSON.stringify(request)}\n`);
  const said: Buffer[] = [];
  running.stdout.on('data', (piece: Buffer) => void said.push(piece));

  return {
    stdin: running.stdin,
    said,
    ended: running.ended,
    kill: (signal) => running.kill(signal),
  };
}

function answerIn({ said }: Running, result: ExecResult, root: string): ExtractionDone {
  const action = `extract into "${root}"`;

  const {
    entries = 0,
    bytes = 0,
    hash,
    directories: found,
  } = readAnswer({ ...result, stdout: Buffer.concat(said) }, action);
  return { entries, bytes, hash, directories: found };
}
