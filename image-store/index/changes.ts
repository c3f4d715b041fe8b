import { existsSync } from 'node:fs';
import { lockKey } from '#base/lock/key-lock';
import type { ImageKey } from '#schema/types/image-hash';
import { placeFile } from '../blobs/place-file.ts';
import type { StoreContext } from '../format/context.ts';
import {
  acceptancePath,
  imageLocksDir,
  recordPath,
  remotePath,
  treeSizePath,
} from '../format/layout.ts';
import { formatKeeping, mergeKeeping, readKeepingIfSound } from './acceptance.ts';
import type { Acceptance, RemoteRecord } from './image-record.ts';
import { imageNotFound } from './records.ts';
import { formatRemote } from './stored-record.ts';

/** Keeps what is known about a download, over what was known about one of the same URL. */
export function writeRemote(context: StoreContext, record: RemoteRecord): void {
  placeFile(context, remotePath(context.dir, record.url), formatRemote(record));
}

/** Keeps how large the rendered tree of an image is. @param bytes as they lie on disk */
export function writeTreeSize(context: StoreContext, key: ImageKey, bytes: number): void {
  placeFile(context, treeSizePath(context.dir, key), `${Math.trunc(bytes)}\n`);
}

/**
 * Notes that an image that is there was accepted once more, in another way.
 * @throws GantryError IMAGE_NOT_FOUND
 */
export function acceptAgain(
  context: StoreContext,
  key: ImageKey,
  given: { readonly accepted: Acceptance; readonly latest: boolean },
): void {
  const { dir, kernel } = context;
  const folder = imageLocksDir(dir);
  using _shared = lockKey(kernel, { folder, key, mode: 'shared' });
  using _exclusive = lockKey(kernel, { folder, key: `${key}.write` });
  if (!existsSync(recordPath(dir, key))) throw imageNotFound(key);

  const merged = mergeKeeping(readKeepingIfSound(dir, key), given);
  placeFile(context, acceptancePath(dir, key), formatKeeping(merged));
}
