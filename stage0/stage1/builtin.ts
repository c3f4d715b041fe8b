import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageKey } from '#schema/types/image-hash';
import type { Library } from '../operations/library.ts';

/** The folder of the stage1 images that came with the program. */
export const builtinDir = (programDir: string): string => join(programDir, 'stage1');

/** One of the program's own stage1 images: an uncompressed ACI. */
export interface BuiltinImage {
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Takes an image of the program's own into the store, unless it is there as it
 * is now; told by the file's inode, size and times, so that a run reads none of it.
 * @throws GantryError what taking in an image throws
 */
export async function importBuiltin(
  { store, recordOf }: Pick<Library, 'store' | 'recordOf'>,
  { path, now }: BuiltinImage,
): Promise<ImageKey> {
  const url = `file://${path}`;
  const etag = fingerprint(path);
  const known = store.remote(url);
  if (known?.etag === etag && recordOf(known.key) !== undefined) return known.key;

  const { takeIn } = await import('./take-in.ts');
  const key = await takeIn(store, { path, now });
  store.putRemote({ url, signatureUrl: '', etag, key, downloadTime: now });

  return key;
}

function fingerprint(path: string): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });

  return [ino, size, mtimeNs, ctimeNs].join('-');
}
