import { pipeline } from 'node:stream/promises';
import type { Transform } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { errorCode, errorMessage, GantryError } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import { type Fed, feed } from './feed.ts';
import { MAGIC_BYTES, type Packing, packingOf } from './magic.ts';
import { isZero } from './tar-block.ts';
import { isXzAndMore, XZ_TAIL } from './xz-end.ts';

type Bytes = AsyncGenerator<Buffer, void, undefined>;

export interface UnpackOptions {
  readonly exec: Exec;
  /** The archive as errors name it. */
  readonly what: string;
  /** Whether an archive may be nothing but its end mark, as that of an empty layer is. */
  readonly mayBeEmpty?: boolean | undefined;
}

/**
 * Unpacks an archive as it comes, told by its first bytes.
 * @param packed its chunks, whose memory must be nobody else's
 * @throws GantryError ARCHIVE_UNKNOWN, ARCHIVE_CORRUPT, ARCHIVE_TRUNCATED, ARCHIVE_TRAILING_GARBAGE, ARCHIVE_TOO_DEMANDING, EXEC_NOT_STARTED; and what `packed` throws
 */
export async function* unpack(packed: Bytes, options: UnpackOptions): Bytes {
  const head = await readHead(packed);
  const all = restored(head, packed);
  const start = head.subarray(0, MAGIC_BYTES);
  const isEmptyTar = options.mayBeEmpty === true && start.length === MAGIC_BYTES && isZero(start);
  const packing = isEmptyTar ? 'plain' : packingOf(head);

  switch (packing) {
    case undefined:
      await packed.return();
      throw unknownArchive(options, describeHead(head));
    case 'plain':
      yield* all;
      return;
    case 'gzip':
    case 'zstd':
      yield* unpackHere(all, packing, options);
      return;
    default:
      yield* unpackByProgram(all, packing, options);
  }
}

/** Reads until there is enough to tell the packing, or no more. */
async function readHead(packed: Bytes): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await packed.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }

  return head;
}

async function* restored(first: Buffer, rest: Bytes): Bytes {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return();
  }
}

/** Bytes that an engine hands out at a time. */
const OUTPUT = 256 * 1024;

/** An archive decides how much memory its unpacking takes; this is as far as that goes. */
const MAX_MEMORY_LOG = 27;
const MAX_MEMORY = `${2 ** (MAX_MEMORY_LOG - 20)}MiB`;

async function* unpackHere(packed: Bytes, packing: 'gzip' | 'zstd', options: UnpackOptions): Bytes {
  const sizes = { chunkSize: OUTPUT, highWaterMark: OUTPUT };
  const params = { [constants.ZSTD_d_windowLogMax]: MAX_MEMORY_LOG };
  const engine =
    packing === 'gzip' ? createGunzip(sizes) : createZstdDecompress({ ...sizes, params });
  const fed: Fed = { bytes: 0, ended: false };
  // What fails in there ends the engine, and the loop below throws it.
  feed(engine as Transform, packed, fed).catch((error: Error) => engine.destroy(error));
  try {
    for await (const chunk of engine as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw corruptUnlessOurs(error, packing, options);
  } finally {
    engine.destroy();
    // Not waited for: it may be waiting for a server that says nothing.
    packed.return().catch(() => {});
  }

  // Both engines stop where their stream ends, whatever follows.
  if (!fed.ended || engine.bytesWritten !== fed.bytes) throw trailingGarbage(packing, options);
}

/** The system's programs. */
const PROGRAMS = {
  xz: ['xz', '--decompress', '--stdout', `--memlimit-decompress=${MAX_MEMORY}`],
  bzip2: ['bzip2', '--decompress', '--stdout'],
} as const satisfies Record<string, readonly [string, ...string[]]>;

/** In front of what they say. */
const PROGRAM_NAMES = /^(?:xz: (?:\(stdin\): )?|bzip2: )/;

const PROGRAM_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

async function* unpackByProgram(
  packed: Bytes,
  packing: Exclude<Packing, 'plain' | 'gzip' | 'zstd'>,
  options: UnpackOptions,
): Bytes {
  const running = options.exec.stream({ argv: PROGRAMS[packing], env: PROGRAM_ENV });
  const source = watchedSource(packed);
  // That the program does not read to the end is told by how it ends.
  running.stdin.on('error', () => {});
  const feeding = pipeline(source.chunks, running.stdin).catch(() => {
    if (source.fault !== undefined) running.kill('SIGKILL');
  });
  let read = false;
  try {
    for await (const chunk of running.stdout as AsyncIterable<Buffer>) yield chunk;
    read = true;
  } finally {
    if (!read) running.kill('SIGKILL');
    running.stdin.destroy();
  }

  await feeding;
  const result = await running.ended.catch((cause: unknown) => {
    throw cannotStart(packing, options, cause);
  });
  if (source.fault !== undefined) throw source.fault;
  if (/trailing garbage/.test(result.stderr)) throw trailingGarbage(packing, options);
  if (result.exitCode !== 0) {
    if (/unexpected(ly)?\b/i.test(result.stderr)) {
      const isWhole = packing === 'xz' && isXzAndMore(source.tail);
      throw isWhole ? trailingGarbage(packing, options) : truncated(packing, options);
    }
    if (/memory usage limit/i.test(result.stderr)) throw tooDemanding(packing, options);
    const words = (result.stderr.trim().split('\n')[0] ?? '').replace(PROGRAM_NAMES, '');
    throw corrupt(packing, options, { state: words === '' ? `"${packing}" failed` : words });
  }
}

/** Remembers what went wrong on the way to the program, apart from what the program did, and what came last. */
function watchedSource(packed: Bytes): {
  readonly chunks: Bytes;
  readonly fault: unknown;
  readonly tail: Buffer;
} {
  const state: { chunks: Bytes; fault: unknown; tail: Buffer } = {
    chunks: watch(),
    fault: undefined,
    tail: Buffer.alloc(0),
  };
  async function* watch(): Bytes {
    try {
      for await (const chunk of packed) {
        const end = chunk.subarray(-XZ_TAIL);
        state.tail = Buffer.concat([state.tail, end]).subarray(-XZ_TAIL);
        yield chunk;
      }
    } catch (error) {
      state.fault = error;
      throw error;
    }
  }

  return state;
}

function cannotStart(packing: Packing, { what }: UnpackOptions, cause: unknown): GantryError {
  return new GantryError('EXEC_NOT_STARTED', `cannot unpack ${what}: ${errorMessage(cause)}`, {
    hint: `install the program "${packing}", which unpacks such archives`,
    cause,
  });
}

function corruptUnlessOurs(error: unknown, packing: Packing, options: UnpackOptions): unknown {
  const code = errorCode(error) ?? '';
  // The magic at the beginning was right, so it is a second member that is none.
  if (errorMessage(error) === 'incorrect header check') return trailingGarbage(packing, options);
  if (code === 'Z_BUF_ERROR') return truncated(packing, options, error);
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
    return tooDemanding(packing, options, error);
  }
  if (/^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code)) {
    return corrupt(packing, options, { state: errorMessage(error), cause: error });
  }

  return error;
}

const FETCH_AGAIN = 'fetch it again; if that does not help, its publisher has to make it again';

function corrupt(packing: Packing, { what }: UnpackOptions, failure: Failure): GantryError {
  const { state, cause } = failure;
  return new GantryError(
    'ARCHIVE_CORRUPT',
    `cannot unpack ${what}: damaged ${packing} data: ${state}`,
    { hint: FETCH_AGAIN, cause },
  );
}

interface Failure {
  readonly state: string;
  readonly cause?: unknown;
}

function truncated(packing: Packing, { what }: UnpackOptions, cause?: unknown): GantryError {
  return new GantryError(
    'ARCHIVE_TRUNCATED',
    `cannot unpack ${what}: the ${packing} data ends too early`,
    { hint: FETCH_AGAIN, cause },
  );
}

function tooDemanding(packing: Packing, { what }: UnpackOptions, cause?: unknown): GantryError {
  const [wants, how] =
    packing === 'zstd'
      ? ['a window of more', 'without --long, or with --long=27 at most']
      : ['more memory', 'with a smaller dictionary, as "xz -9" does'];

  return new GantryError(
    'ARCHIVE_TOO_DEMANDING',
    `cannot unpack ${what}: the ${packing} data needs ${wants} than ${MAX_MEMORY}, which is not allowed`,
    { hint: `its publisher has to pack it ${how}`, cause },
  );
}

function trailingGarbage(packing: Packing, { what }: UnpackOptions): GantryError {
  return new GantryError(
    'ARCHIVE_TRAILING_GARBAGE',
    `cannot unpack ${what}: something follows the end of the ${packing} data`,
    { hint: FETCH_AGAIN },
  );
}

function unknownArchive({ what }: UnpackOptions, state: string): GantryError {
  return new GantryError('ARCHIVE_UNKNOWN', `cannot unpack ${what}: ${state}`, {
    hint: 'an image is a tar archive, plain or packed with gzip, bzip2, xz or zstd',
  });
}

function describeHead(head: Buffer): string {
  if (head.length === 0) return 'it is empty';

  return /^\s*</.test(head.toString('latin1', 0, 64))
    ? 'it is a web page and no archive'
    : 'it is no archive that we know';
}
