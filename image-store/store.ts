import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import type { HeldLock } from '#base/lock/directory-lock';
import type { Log } from '#base/log/log';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import type { Labels } from '#schema/types/labels';
import type { AcIdentifier } from '#schema/types/names';
import { beginIngest, type Ingest, type IngestLimits } from './blobs/ingest.ts';
import { sweepLeftovers } from './blobs/leftovers.ts';
import type { StoreContext } from './format/context.ts';
import { blobPath } from './format/layout.ts';
import { prepareStore } from './format/prepare-store.ts';
import { storeError } from './format/permissions.ts';
import type { ImageRecord, RemoteRecord } from './index/image-record.ts';
import { writeLastUse } from './index/last-use.ts';
import { findByName, findByPrefix } from './index/lookup.ts';
import { listKeys, readManifest, readRecord, readRemote } from './index/records.ts';

/** How to open a store. */
export interface StoreOptions {
  /** The store's folder, `DATA/cas`; made when missing. */
  readonly dir: string;
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly log: Log;
  /** Milliseconds since 1970; the system's clock unless told. */
  readonly clock?: (() => number) | undefined;
  /** How to start the program that unpacks archives. */
  readonly workers?: { readonly extract: readonly [string, ...string[]] } | undefined;
}

/**
 * The images on this machine. Everything that `run` needs is synchronous and a
 * few file reads. Holds a shared lock on its folder until it is closed.
 */
export interface ImageStore extends Disposable {
  readonly dir: string;

  /** Begins to take in one image. */
  beginIngest(limits?: IngestLimits): Ingest;

  /** @throws GantryError IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS */
  findByPrefix(text: string): ImageKey;
  /** All labels asked for match; no version asked for: the latest first, then the newest import. */
  findByName(name: AcIdentifier, labels: Labels): ImageRecord | undefined;
  record(key: ImageKey): ImageRecord | undefined;
  /** All images, by key. */
  list(): readonly ImageRecord[];
  /** @throws GantryError IMAGE_NOT_FOUND */
  manifest(key: ImageKey): ImageManifest;
  /** Where the uncompressed archive of an image lies. */
  blobPath(key: ImageKey): string;
  /** Notes that an image was used now; never fails. */
  touch(key: ImageKey): void;

  remote(url: string): RemoteRecord | undefined;

  /** Drops the lock; the store must not be used any more. A second time is nothing. */
  close(): void;
}

/**
 * Opens the store, making it when it is not there, and clears up after
 * processes that were killed.
 * @throws GantryError STORE_NO_PERMISSION, STORE_TOO_NEW, STORE_FULL, STORE_READ_ONLY
 */
export function openImageStore(options: StoreOptions): ImageStore {
  const { dir, kernel, log, clock = Date.now } = options;
  const context: StoreContext = { dir, kernel, log, clock };
  try {
    const lock = prepareStore(context);
    sweepLeftovers(context);

    return createStore(context, lock);
  } catch (error) {
    throw storeError(error, dir);
  }
}

function createStore(context: StoreContext, lock: HeldLock): ImageStore {
  const { dir } = context;
  const close = (): void => lock.release();

  return {
    dir,
    beginIngest: (limits) => beginIngest(context, limits),
    findByPrefix: (text) => findByPrefix(dir, text),
    findByName: (name, labels) => findByName(context, name, labels),
    record: (key) => readRecord(context, key),
    list: () =>
      listKeys(dir)
        .map((key) => readRecord(context, key))
        .filter((record) => record !== undefined),
    manifest: (key) => readManifest(dir, key),
    blobPath: (key) => blobPath(dir, key),
    touch: (key) => writeLastUse(dir, key, context.clock()),
    remote: (url) => readRemote(context, url),
    close,
    [Symbol.dispose]: close,
  };
}
