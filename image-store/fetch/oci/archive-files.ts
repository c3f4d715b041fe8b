import { fstatSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { GantryError, isGantryError, reworded } from '#base/errors/gantry-error';
import type { Fd } from '#base/kernel/kernel';
import { cleanEntryPath } from '../../archive/entry-path.ts';
import { DEFAULT_ARCHIVE_LIMITS } from '../../archive/limits.ts';
import { MAGIC_BYTES, packingOf } from '../../archive/magic.ts';
import { openTarReader } from '../../archive/tar-reader.ts';
import { pour } from '../../archive/pour.ts';
import { unpack } from '../../archive/unpack.ts';
import { openBlobWriter } from '../../blobs/blob-writer.ts';
import { makeTempEntry } from '../../blobs/temp-entry.ts';
import { chunksOf } from '../regular-file.ts';
import type { FetchSession } from '../session.ts';
import { type LocalFiles, openRegular, unreadable } from './local-files.ts';

/** More files than an archive of images has. */
const MAX_FILES = 100_000;
/** Links to links of an archive that are followed. */
const MAX_LINKS = 8;

/**
 * The files of an image in a tar archive, packed or not.
 * @throws GantryError IMAGE_FILE_UNREADABLE, ARCHIVE_*
 */
export async function archiveFiles(
  session: FetchSession,
  path: string,
  what: string,
): Promise<LocalFiles> {
  await using stack = new AsyncDisposableStack();
  const file = stack.use(await openRegular(path, what));
  const isReadable = await isPlain(file);
  const fd = isReadable ? file.fd : stack.use(await unpacked(session, chunksOf(file), what)).fd;
  const held = stack.move();

  return await filesIn(fd, what, held);
}

/**
 * The files of an image in a tar archive that comes as it is read, packed or not.
 * @param chunks whose memory must be nobody else's
 * @throws GantryError ARCHIVE_*
 */
export async function streamedFiles(
  session: FetchSession,
  chunks: AsyncGenerator<Buffer, void, undefined>,
  what: string,
): Promise<LocalFiles> {
  const kept = await unpacked(session, chunks, what);

  return await filesIn(kept.fd, what, kept);
}

async function filesIn(fd: Fd, what: string, opened: AsyncDisposable): Promise<LocalFiles> {
  await using stack = new AsyncDisposableStack();
  stack.use(opened);
  const table = tableOf(fd, what);
  const kept = stack.move();

  const find = (name: string): number | undefined => resolve(table, name);
  return {
    sizeOf: async (name) => {
      const at = find(name);
      return await Promise.resolve(at === undefined ? undefined : table.sizes[at]);
    },
    async *open(name) {
      const at = find(name);
      if (at === undefined) throw unreadable(what, `it has no file "${name}"`);
      yield* contentOf(fd, at);
    },
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}

async function isPlain(file: FileHandle): Promise<boolean> {
  const head = Buffer.alloc(MAGIC_BYTES);
  const { bytesRead } = await file.read(head, 0, MAGIC_BYTES, 0);

  return packingOf(head.subarray(0, bytesRead)) === 'plain';
}

/** A packed archive, unpacked in the store's tmp/ as long as it is needed. */
async function unpacked(
  { context: { kernel, store, exec } }: FetchSession,
  chunks: AsyncGenerator<Buffer, void, undefined>,
  what: string,
): Promise<{ readonly fd: Fd } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const entry = stack.use(makeTempEntry(kernel, store.dir, 'fetch'));
  const target = join(entry.path, 'archive.tar');
  const { maxBytes } = DEFAULT_ARCHIVE_LIMITS;
  const writer = openBlobWriter({ path: target, dir: store.dir, maxBytes, durable: false });
  writer.sink.on('error', () => {});
  try {
    await pour(unpack(chunks, { exec, what }), writer.sink);
  } finally {
    await writer.close();
  }
  const { fd } = stack.use(await openRegular(target, what));
  const kept = stack.move();

  return { fd, [Symbol.asyncDispose]: async () => await kept.disposeAsync() };
}

/** What lies in an archive, by the number of the entry. */
interface Table {
  readonly files: ReadonlyMap<string, number>;
  readonly links: ReadonlyMap<string, string>;
  readonly sizes: Readonly<Record<number, number>>;
}

/** The table of an archive, whose name is in what it fails with. */
function tableOf(fd: Fd, what: string): Table {
  try {
    return readTable(fd);
  } catch (error) {
    if (!isGantryError(error)) throw error;
    throw reworded(error, error.message.replace('cannot read the archive', `cannot read ${what}`));
  }
}

function readTable(fd: Fd): Table {
  const reader = openTarReader(fd, fstatSync(fd).size, HEADERS);
  const files = new Map<string, number>();
  const links = new Map<string, string>();
  const sizes: Record<number, number> = {};
  let count = 0;
  for (let entry = reader.next(); entry !== undefined; entry = reader.next(), count += 1) {
    if (count > MAX_FILES) {
      throw new GantryError(
        'ARCHIVE_TOO_BIG',
        `cannot read the archive: it holds more than ${MAX_FILES} entries`,
      );
    }
    const path = cleanEntryPath(entry.path);
    if (entry.type === 'file') {
      files.set(path, count);
      sizes[count] = entry.size;
    } else if (entry.type === 'symlink') {
      links.set(path, posix.join(posix.dirname(path), entry.linkPath));
    } else if (entry.type === 'link') links.set(path, posix.normalize(entry.linkPath));
  }

  return { files, links, sizes };
}

/** Bytes to read at a time for headers. */
const HEADERS = 8192;

function resolve({ files, links }: Table, name: string): number | undefined {
  let path = posix.normalize(name);
  for (let steps = 0; steps < MAX_LINKS; steps += 1) {
    const next = links.get(path);
    if (next === undefined) break;
    path = next;
  }

  return files.get(path);
}

/** The content of an entry, from the archive's beginning on: headers are passed over without reading what is between. */
async function* contentOf(fd: Fd, wanted: number): AsyncGenerator<Buffer, void, undefined> {
  const reader = openTarReader(fd, fstatSync(fd).size);
  for (let at = 0; at <= wanted; at += 1) reader.next();
  for (let piece = reader.piece(); piece !== undefined; piece = reader.piece()) {
    // Memory of its own: whoever gets it may give it back.
    const copy = Buffer.allocUnsafeSlow(piece.length);
    piece.copy(copy);
    yield copy;
    await setImmediate();
  }
}
