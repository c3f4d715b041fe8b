import { createWriteStream, linkSync, openSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { removePath } from '#base/fs/remove-path';
import { removedOnSignal } from '#base/fs/removed-on-signal';
import { uniqueName } from '#base/fs/unique-name';
import { pour } from './pour.ts';

/**
 * Writes a file that is there when it is whole, and not before.
 * @param chunks whose memory must be nobody else's
 * @param replaces whether it takes the place of a file that is there; else that is an error, EEXIST
 * @throws what the chunks and the file system throw
 */
export async function writeWhole(
  path: string,
  chunks: AsyncIterable<Buffer>,
  { replaces }: { readonly replaces: boolean },
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${uniqueName()}.tmp`);
  // At once: a stream would open it when it may be removed already.
  const fd = openSync(temporary, 'wx', 0o644);
  using _unfinished = removedOnSignal(temporary);
  try {
    const file = createWriteStream('', { fd, flush: true });
    file.on('error', () => {});
    await pour(chunks, file);
    if (replaces) renameSync(temporary, path);
    else linkSync(temporary, path);
  } finally {
    removePath(temporary, { force: true });
  }
}
