import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { MAX_MANIFEST_BYTES } from '#schema/oci/manifest';
import { tooLarge } from './source.ts';

/** The files of an image that lies on this machine, in a directory or an archive. */
export interface LocalFiles extends AsyncDisposable {
  /** Bytes of a file; undefined when there is none. */
  sizeOf(path: string): Promise<number | undefined>;
  /** @throws GantryError IMAGE_FILE_UNREADABLE */
  open(path: string): AsyncGenerator<Buffer, void, undefined>;
}

/**
 * Reads a document whole.
 * @param what names the image in errors
 * @throws GantryError IMAGE_FILE_UNREADABLE, IMAGE_DOCUMENT_TOO_LARGE
 */
export async function readLocal(files: LocalFiles, path: string, what: string): Promise<Buffer> {
  const size = await files.sizeOf(path);
  if (size === undefined) throw unreadable(what, `it has no file "${path}"`);
  if (size > MAX_MANIFEST_BYTES) throw tooLarge(`"${path}" of ${what}`);

  const pieces: Buffer[] = [];
  for await (const chunk of files.open(path)) pieces.push(chunk);
  return Buffer.concat(pieces);
}

const READ_SIZE = 256 * 1024;

/** The files of an image below a directory. */
export function directoryFiles(dir: string, what: string): LocalFiles {
  return {
    async sizeOf(path) {
      try {
        await using file = await openRegular(`${dir}/${path}`, what);
        return (await file.stat()).size;
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
    async *open(path) {
      await using file = await openRegular(`${dir}/${path}`, what);
      const stream = file.createReadStream({ highWaterMark: READ_SIZE, autoClose: false });
      for await (const chunk of stream) yield chunk as Buffer;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function isAbsent(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : error;
  return (cause as { code?: unknown } | undefined)?.code === 'ENOENT';
}

/** @throws GantryError IMAGE_FILE_UNREADABLE */
export async function openRegular(path: string, what: string): Promise<FileHandle> {
  // Without O_NONBLOCK a FIFO would let us wait for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (cause: unknown) => {
      throw unreadable(what, `"${path}": ${fileState(cause)}`, cause);
    },
  );
  if ((await file.stat()).isFile()) return file;

  await file.close();
  throw unreadable(what, `"${path}": not a regular file`);
}

/** Something that lies on this machine cannot be read. */
export function unreadable(what: string, state: string, cause?: unknown): GantryError {
  return new GantryError('IMAGE_FILE_UNREADABLE', `cannot read ${what}: ${state}`, { cause });
}
