import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
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
import { readKeeping } from './acceptance.ts';
import type { ImageRecord, RemoteRecord } from './image-record.ts';
import { readLastUse } from './last-use.ts';
import { parseRecord, parseRemote, type StoredRecord } from './stored-record.ts';
import { readTreeSize } from './tree-size.ts';

/** Keys of all images in the store, sorted. */
export function listKeys(dir: string): readonly ImageKey[] {
  return keysIn(recordsDir(dir), RECORD_ENDING);
}

/** Keys of the images that have been given a name, sorted; one may be gone by now. */
export function listKeysNamed(dir: string, name: string): readonly ImageKey[] {
  return keysIn(nameDir(dir, name), '');
}

function keysIn(folder: string, ending: string): readonly ImageKey[] {
  return readNames(folder)
    .filter((name) => name.startsWith('sha512-') && name.endsWith(ending))
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
    log.warning(`passing over image ${key}: ${error.message}`);
    return undefined;
  }
}

/**
 * The manifest of an image.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_MANIFEST_INVALID
 */
export function readManifest(dir: string, key: ImageKey): ImageManifest {
  const text = readIfThere(manifestPath(dir, key), dir);
  if (text === undefined) throw imageNotFound(key);

  return parseImageManifest(text);
}

/** What is known about the last download of a URL. */
export function readRemote({ dir, log }: StoreContext, url: string): RemoteRecord | undefined {
  const text = readIfThere(remotePath(dir, url), dir);
  if (text === undefined) return undefined;

  try {
    const record = parseRemote(text, `download record of ${url}`);
    return record.url === url ? record : undefined;
  } catch (error) {
    if (!isGantryError(error)) throw error;
    log.warning(`passing over a download record: ${error.message}`);
    return undefined;
  }
}

/** Takes an image out of the index, its record first: from then on nobody sees it. */
export function removeFromIndex(dir: string, key: ImageKey): void {
  const name = nameOf(dir, key);
  removeFile(recordPath(dir, key));
  if (name !== undefined) removeFile(nameMarkerPath(dir, name, key));
  removeFile(lastUsePath(dir, key));
  removeFile(treeSizePath(dir, key));
  removeFile(manifestPath(dir, key));
}

/** Removes a file; one that is not there is nothing. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** The error of an image that the store does not have. */
export function imageNotFound(what: string): GantryError {
  return new GantryError('IMAGE_NOT_FOUND', `cannot find image "${what}": not in the store`, {
    hint: 'see "gantry image list", or fetch it with "gantry fetch"',
  });
}

function nameOf(dir: string, key: ImageKey): string | undefined {
  try {
    return readStoredRecord(dir, key)?.name;
  } catch (error) {
    if (isGantryError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}

function readIfThere(path: string, dir: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw storeError(error, dir);
  }
}
