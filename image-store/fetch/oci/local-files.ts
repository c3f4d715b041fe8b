import type { FileHandle } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { MAX_MANIFEST_BYTES } from '#schema/oci/manifest';
import { chunksOf, openRegularFile } from '../regular-file.ts';
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

  return await buffer(files.open(path));
}

/** The files of an image below a directory. */
export function directoryFiles(dir: string, what: string): LocalFiles {
  return {
    async sizeOf(path) {
      try {
        await using file = await openRegular(`${dir}/${path}`, what);
        return (await file.stat()).size;
      } catch (error) {
        if (error instanceof Error && errorCode(error.cause) === 'ENOENT') return undefined;
        throw error;
      }
    },
    async *open(path) {
      await using file = await openRegular(`${dir}/${path}`, what);
      yield* chunksOf(file);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** @throws GantryError IMAGE_FILE_UNREADABLE */
export async function openRegular(path: string, what: string): Promise<FileHandle> {
  return await openRegularFile(path, (state, cause) =>
    unreadable(what, `"${path}": ${state}`, cause),
  );
}

/** Something that lies on this machine cannot be read. */
export function unreadable(what: string, state: string, cause?: unknown): GantryError {
  return new GantryError('IMAGE_FILE_UNREADABLE', `cannot read ${what}: ${state}`, { cause });
}
