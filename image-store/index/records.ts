import { existsSync, readdirSync, unlinkSync } from 'node:fs';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { removePath } from '#base/fs/remove-path';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, parseImageKey } from '#schema/types/image-hash';
import type { StoreContext } from '../format/context.ts';
import {
  lastUsePath,
  manifestPath,
  nameDir,
  nameMarkerPath,
  RECORD_ENDING,
  recordPath,
  recordsDir,
  remotePath,
  treeSizePath,
} from '../format/layout.ts';
import { storeError } from '../format/permissions.ts';
import { readStoreFile } from '../format/store-file.ts';
import { readKeeping } from './acceptance.ts';
import type { ImageRecord, RemoteRecord } from './image-record.ts';
import { readLastUse } from './last-use.ts';
import { parseRecord, parseRemote, type StoredRecord } from './stored-record.ts';
import { readTreeSize } from './tree-size.ts';

const KEY = /^sha(?:512|256)-[0-9a-f]{64}$/;

/** Keys of all images in the store that begin so, sorted. */
export function listKeys(dir: string, prefix = ''): readonly ImageKey[] {
  return keysAmong(
    readNames(recordsDir(dir)).filter((name) => name.startsWith(prefix)),
    RECORD_ENDING,
  );
}

/** Keys of the images that have been given a name, sorted; one may be gone by now. */
export function listKeysNamed(dir: string, name: string): readonly ImageKey[] {
  try {
    return keysIn(nameDir(dir, name), '');
  } catch (error) {
    // No folder, so nothing has the name; who brings something that has is told.
    if (errorCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** Keys of the files in a folder whose names are a key and an ending, sorted. */
export function keysIn(folder: string, ending: string): readonly ImageKey[] {
  return keysAmong(readNames(folder), ending);
}

function keysAmong(names: readonly string[], ending: string): readonly ImageKey[] {
  return names
    .filter((name) => name.endsWith(ending) && KEY.test(name.slice(0, name.length - ending.length)))
    .map((name) => parseImageKey(name.slice(0, name.length - ending.length)))
    .sort();
}

/** The names in a folder of the store; none when it is not there. */
export function readNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The names of the folders in a folder of the store; what else lies there is passed over. */
export function readFolders(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * The index file of an image.
 * @returns undefined when the store has no such image
 * @throws GantryError STORE_DAMAGED
 */
export function readStoredRecord(dir: string, key: ImageKey): StoredRecord | undefined {
  const text = readIfThere(recordPath(dir, key), dir);

  return text === undefined ? undefined : parseRecord(text, `index record of ${key}`);
}

/**
 * All that is known about an image.
 * @returns undefined when the store has no such image, or when its index file
 *   or acceptance is damaged, which is logged: such an image is as good as not there
 */
export function readRecord({ dir, log }: StoreContext, key: ImageKey): ImageRecord | undefined {
  try {
    const stored = readStoredRecord(dir, key);
    const keeping = stored === undefined ? undefined : readKeeping(dir, key);
    if (stored === undefined || keeping === undefined) return undefined;

    const lastUsed = Math.max(readLastUse(dir, key), stored.importTime);
    return { ...stored, ...keeping, lastUsed, treeSize: readTreeSize(dir, key) };
  } catch (error) {
    if (!isGantryError(error, 'STORE_DAMAGED')) throw error;
    const hint = error.hint === undefined ? '' : `; ${error.hint}`;
    log.warning(`passing over image ${key}: ${error.message}${hint}`);
    return undefined;
  }
}

/**
 * The manifest of an image, as its copy has it.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_CORRUPT, STORE_DAMAGED
 */
export function readManifest(dir: string, key: ImageKey): ImageManifest {
  const text = readIfThere(manifestPath(dir, key), dir);
  if (text === undefined)
    throw existsSync(recordPath(dir, key)) ? manifestGone(key) : imageNotFound(key);

  try {
    return parseImageManifest(text);
  } catch (cause) {
    throw new GantryError(
      'IMAGE_CORRUPT',
      `cannot use image ${key}: the copy of its manifest is damaged`,
      { hint: RESTORE_COPY, cause },
    );
  }
}

/** What to do about a copy of a manifest that is not what it was. */
export const RESTORE_COPY =
  'have "gantry image gc" restore it, or remove the image with "gantry image rm" and fetch it again';

function manifestGone(key: ImageKey): GantryError {
  return new GantryError(
    'IMAGE_NOT_FOUND',
    `cannot use image ${key}: the copy of its manifest is gone`,
    { hint: RESTORE_COPY },
  );
}

/** What is known about the last download of a URL; what is damaged is as good as not there. */
export function readRemote(dir: string, url: string): RemoteRecord | undefined {
  const record = readRemoteFile(remotePath(dir, url));

  return record?.url === url ? record : undefined;
}

/** The record of a download in a file of its own. */
export function readRemoteFile(path: string): RemoteRecord | undefined {
  try {
    const text = readStoreFile(path);
    return text === undefined ? undefined : parseRemote(text, 'record of a download');
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

/** Whether the index has a sound record of an image. */
export function isIndexed(dir: string, key: ImageKey): boolean {
  try {
    return readStoredRecord(dir, key) !== undefined;
  } catch (error) {
    if (isGantryError(error)) return false;
    throw error;
  }
}

/** Takes an image out of the index, its record first: from then on nobody sees it. */
export function removeFromIndex(dir: string, key: ImageKey): void {
  const name = isIndexed(dir, key) ? readStoredRecord(dir, key)?.name : undefined;
  removeFile(recordPath(dir, key));
  if (name !== undefined) removeFile(nameMarkerPath(dir, name, key));
  removeFile(lastUsePath(dir, key));
  removeFile(treeSizePath(dir, key));
  removeFile(manifestPath(dir, key));
}

/** Removes a file of the store, or what lies in its place; one that is not there is nothing. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) === 'EISDIR') removePath(path, { recursive: true, force: true });
    else if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** The error of an image that the store does not have. */
export function imageNotFound(what: string): GantryError {
  return new GantryError('IMAGE_NOT_FOUND', `cannot find image "${what}": not in the store`, {
    hint: 'see "gantry image list", or fetch it with "gantry fetch"',
  });
}

function readIfThere(path: string, dir: string): string | undefined {
  try {
    return readStoreFile(path);
  } catch (error) {
    throw storeError(error, dir);
  }
}
