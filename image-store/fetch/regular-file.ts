import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';

const READ_SIZE = 256 * 1024;

/**
 * Opens a file of this machine that is to be read from its beginning to its end.
 * @param refused makes the error of what cannot be opened, or is no regular file
 */
export async function openRegularFile(
  path: string,
  refused: (state: string, cause?: unknown) => GantryError,
): Promise<FileHandle> {
  // Without O_NONBLOCK a FIFO would let us wait for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (cause: unknown) => {
      throw refused(fileState(cause), cause);
    },
  );
  if ((await file.stat()).isFile()) return file;

  await file.close();
  throw refused('not a regular file');
}

/** What is in a file; it stays open. */
export async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer, void, undefined> {
  const stream = file.createReadStream({ highWaterMark: READ_SIZE, autoClose: false, start: 0 });
  for await (const chunk of stream) yield chunk as Buffer;
}
