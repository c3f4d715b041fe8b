import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import type { HeldLock } from '#base/lock/directory-lock';
import type { Log } from '#base/log/log';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import type { Labels } from '#schema/types/labels';
import type { AcIdentifier } from '#schema/types/names';
import type { ArchiveLimits } from './archive/limits.ts';
import { beginIngest, type Ingest, type IngestLimits } from './blobs/ingest.ts';
import { sweepLeftovers } from './blobs/leftovers.ts';
import { verifyBlob } from './blobs/verify-blob.ts';
import type { StoreContext } from './format/context.ts';
import { blobPath } from './format/layout.ts';
import { prepareStore } from './format/prepare-store.ts';
import { storeError } from './format/permissions.ts';
import { collectImages, type GcOptions, type GcReport } from './gc/collect.ts';
import { type InUseProbe, nothingInUse } from './gc/in-use.ts';
import { type Lease, leaseImages } from './gc/lease.ts';
import { removeImage } from './gc/remove-image.ts';
import { acceptAgain, writeRemote, writeTreeSize } from './index/changes.ts';
import { imageSource, withDependencies } from './index/dependencies.ts';
import type { Acceptance, ImageRecord, RemoteRecord } from './index/image-record.ts';
import { writeLastUse } from './index/last-use.ts';
import { findByName, findByPrefix } from './index/lookup.ts';
import { readTreeSize } from './index/tree-size.ts';
import { rebuildIndex, type RebuildReport } from './index/rebuild.ts';
import { listKeys, readManifest, readRecord, readRemote } from './index/records.ts';
import { openTrees, type Tree, type Trees } from './tree/index.ts';
import type { TreePlan } from './tree/tree-plan.ts';

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
  readonly workers: { readonly extract: readonly [string, ...string[]] };
  /** Limits on the archives that are unpacked. */
  readonly limits?: ArchiveLimits | undefined;
}

/**
 * The images on this machine. Everything that `run` needs is synchronous and a
 * few file reads. Holds a shared lock on its folder until it is closed.
 */
export interface ImageStore extends Disposable {
  readonly dir: string;
  /** The rendered trees. */
  readonly trees: Trees;

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

  /** These images and all that they depend on and the store has. */
  withDependencies(keys: Iterable<ImageKey>): readonly ImageKey[];
  /**
   * Notes that an image that is there was accepted once more; a verified
   * acceptance is not weakened, what was the latest stays so.
   * @throws GantryError IMAGE_NOT_FOUND
   */
  accept(key: ImageKey, given: { readonly accepted: Acceptance; readonly latest: boolean }): void;

  /**
   * What the tree of an image is rendered from; its id is what to look for.
   * @throws GantryError IMAGE_NOT_FOUND, IMAGE_DEPENDENCY_CYCLE, IMAGE_TOO_MANY_DEPENDENCIES
   */
  treePlan(key: ImageKey): TreePlan;
  /**
   * The tree of an image, rendered unless it is there and unchanged. Its images
   * cannot be removed meanwhile.
   * @throws GantryError as `treePlan` and `Trees.render`
   */
  renderTree(key: ImageKey): Promise<Tree>;

  remote(url: string): RemoteRecord | undefined;
  putRemote(record: RemoteRecord): void;

  /**
   * Keeps images and their trees from being removed while a pod is prepared
   * from them: taken before the store is asked for trees, given back when the
   * pod's manifest names them and lies in its folder.
   * @throws GantryError IMAGE_NOT_FOUND when one is not, or no longer, there
   */
  lease(keys: readonly ImageKey[]): Lease;
  /**
   * Removes an image and its trees.
   * @param inUse what pods use; nothing unless given
   * @throws GantryError IMAGE_NOT_FOUND, IMAGE_IN_USE
   */
  remove(key: ImageKey, inUse?: InUseProbe): void;
  /** Removes what was not used for long and is used by nobody, and what killed processes left. */
  gc(options: GcOptions): Promise<GcReport>;
  /** Makes the index anew from the blobs. */
  rebuildIndex(): Promise<RebuildReport>;
  /** Hashes the blob again. @throws GantryError IMAGE_CORRUPT, IMAGE_NOT_FOUND */
  verifyBlob(key: ImageKey): Promise<void>;

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

    return createStore(context, lock, openTrees(options));
  } catch (error) {
    throw storeError(error, dir);
  }
}

function createStore(context: StoreContext, lock: HeldLock, trees: Trees): ImageStore {
  const { dir } = context;
  const close = (): void => lock.release();

  return {
    dir,
    trees,
    ...lookups(context),
    ...changes(context),
    treePlan: (key) => trees.plan(key, imageSource(context)),
    renderTree: async (key) => await renderTree(context, trees, key),
    close,
    [Symbol.dispose]: close,
  };
}

function lookups(context: StoreContext): Pick<ImageStore, LookupName> {
  const { dir } = context;

  return {
    findByPrefix: (text) => findByPrefix(dir, text),
    findByName: (name, labels) => findByName(context, name, labels),
    record: (key) => readRecord(context, key),
    list: () =>
      listKeys(dir)
        .map((key) => readRecord(context, key))
        .filter((record) => record !== undefined),
    manifest: (key) => readManifest(dir, key),
    blobPath: (key) => blobPath(dir, key),
    withDependencies: (keys) => [...withDependencies(context, keys)],
    remote: (url) => readRemote(dir, url),
    verifyBlob: async (key) => await verifyBlob(context, key),
  };
}

function changes(context: StoreContext): Pick<ImageStore, ChangeName> {
  const { dir } = context;

  return {
    beginIngest: (limits) => beginIngest(context, limits),
    touch: (key) => writeLastUse(dir, key, context.clock()),
    accept: (key, given) => guarded(dir, () => acceptAgain(context, key, given)),
    putRemote: (record) => guarded(dir, () => writeRemote(context, record)),
    lease: (keys) => guarded(dir, () => leaseImages(context, keys)),
    remove: (key, inUse = nothingInUse) => guarded(dir, () => removeImage(context, key, inUse)),
    gc: async (options) => await guardedAsync(dir, () => collectImages(context, options)),
    rebuildIndex: async () => await guardedAsync(dir, () => rebuildIndex(context)),
  };
}

type LookupName =
  | 'findByPrefix'
  | 'findByName'
  | 'record'
  | 'list'
  | 'manifest'
  | 'blobPath'
  | 'withDependencies'
  | 'remote'
  | 'verifyBlob';
type OwnName = 'dir' | 'trees' | 'treePlan' | 'renderTree' | 'close' | typeof Symbol.dispose;
type ChangeName = Exclude<keyof ImageStore, LookupName | OwnName>;

async function renderTree(context: StoreContext, trees: Trees, key: ImageKey): Promise<Tree> {
  const plan = trees.plan(key, imageSource(context));
  using _lease = leaseImages(
    context,
    plan.layers.map((layer) => layer.key),
  );
  const tree = await trees.render(plan);
  if (readTreeSize(context.dir, key) !== tree.size) writeTreeSize(context, key, tree.size);

  return tree;
}

function guarded<T>(dir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(error, dir);
  }
}

async function guardedAsync<T>(dir: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error, dir);
  }
}
