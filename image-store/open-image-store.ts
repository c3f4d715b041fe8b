import { lstatSync } from 'node:fs';
import type { Exec } from '#base/exec/exec';
import { isRoot } from '#base/kernel/is-root';
import type { HeldLock } from '#base/lock/directory-lock';
import { warningOnce } from '#base/log/log';
import type { ImageKey } from '#schema/types/image-hash';
import type { FileChange } from './archive/file-changes.ts';
import { type ArchiveLimits, DEFAULT_ARCHIVE_LIMITS } from './archive/limits.ts';
import { blobPathsOf, demandRegularBlobs, demandRegularImage } from './blobs/demand-regular.ts';
import { holdBlobs } from './blobs/hold-blobs.ts';
import type { IngestLimits } from './blobs/ingest.ts';
import { sweepLeftovers } from './blobs/leftovers.ts';
import type { LayerTaker } from './blobs/take-layer.ts';
import { createTakenBlobs, type TakenBlobs } from './blobs/taken-blobs.ts';
import type { StoreContext } from './format/context.ts';
import { blobPath, ociBlobPath } from './format/layout.ts';
import { storeError } from './format/permissions.ts';
import { prepareStore } from './format/prepare-store.ts';
import { nothingInUse } from './gc/in-use.ts';
import { leaseImages } from './gc/lease.ts';
import { acceptAgain, writeRemote, writeTreeSize } from './index/changes.ts';
import { imageSource, withDependencies } from './index/dependencies.ts';
import { writeLastUse } from './index/last-use.ts';
import { findByName, findByPrefix } from './index/lookup.ts';
import { listKeys, readManifest, readRecord, readRemote } from './index/records.ts';
import { readTreeSize } from './index/tree-size.ts';
import { referenceUrl } from './reference/oci-reference.ts';
import type { ImageStore, OciStore, StoreOptions } from './store.ts';
import { findLayerTree } from './tree/find-tree.ts';
import { openTrees, type Tree, type Trees } from './tree/index.ts';
import { layerTreeIdOf } from './tree/tree-plan.ts';

// What only some commands need is loaded when they call it: who runs a pod, the
// most frequent of all, waits for nothing that it does not use.

/**
 * Opens the store, making it when it is not there, and clears up after
 * processes that were killed.
 * @throws GantryError STORE_NO_PERMISSION, STORE_TOO_NEW, STORE_FULL, STORE_READ_ONLY
 */
export function openImageStore(options: StoreOptions): ImageStore {
  const { dir, kernel, clock = Date.now, groupId } = options;
  const log = warningOnce(options.log);
  const context: StoreContext = { dir, kernel, log, clock, groupId };
  try {
    const lock = prepareStore(context);
    sweepLeftovers(context);

    const limits = { ...DEFAULT_ARCHIVE_LIMITS, ...said(options.limits) };
    return createStore(context, {
      lock,
      exec: options.exec,
      limits,
      trees: openTrees({ ...options, limits: treeLimits(limits) }),
    });
  } catch (error) {
    throw storeError(error, dir);
  }
}

/** Without what is undefined, which would hide a default. */
function said(limits: IngestLimits = {}): Partial<ArchiveLimits> {
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
}

/** A tree is of several images, some of them perhaps taken in under larger limits. */
function treeLimits({ maxEntries, maxBytes, maxManifest }: ArchiveLimits): ArchiveLimits {
  return {
    maxEntries: Math.max(maxEntries, DEFAULT_ARCHIVE_LIMITS.maxEntries),
    maxBytes: Math.max(maxBytes, DEFAULT_ARCHIVE_LIMITS.maxBytes),
    maxManifest,
  };
}

function ociStore(context: StoreContext, { exec, limits, trees }: Omit<Parts, 'lock'>): OciStore {
  const { dir } = context;

  return {
    hasLayer: async ({ digest, diffId, size }, of) => {
      const path = ociBlobPath(dir, digest);
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats?.isFile() !== true || stats.size !== size) return false;
      const hasTree = findLayerTree(dir, layerTreeIdOf(diffId)) !== undefined;
      if (hasTree && readRecord(context, of) !== undefined) return true;
      const { isIntactFile } = await import('./blobs/hash-file.ts');
      return await guardedAsync(dir, () => isIntactFile(path, digest));
    },
    hold: (digests) => guarded(dir, () => holdBlobs(context, digests)),
    takeLayer: async (layer) => {
      const { takeLayer } = await import('./blobs/take-layer.ts');
      // Its tree is made at once by who can: what is unpacked need not be unpacked again.
      const stage: LayerTaker['stage'] = isRoot()
        ? async (each) => await trees.stageLayer(each, limits)
        : undefined;
      await guardedAsync(dir, () => takeLayer({ context, exec, limits, stage }, layer));
    },
    commit: async (image) => {
      const { commitOciImage } = await import('./blobs/commit-oci.ts');
      return guarded(dir, () => commitOciImage(context, image));
    },
  };
}

interface Parts {
  readonly lock: HeldLock;
  readonly exec: Exec;
  readonly limits: ArchiveLimits;
  readonly trees: Trees;
}

function createStore(context: StoreContext, { lock, exec, limits, trees }: Parts): ImageStore {
  const { dir } = context;
  const taken = createTakenBlobs(dir);
  const close = (): void => lock.release();

  return {
    dir,
    trees,
    ...lookups(context),
    ...changes(context),
    beginIngest: async (own) => {
      const { beginIngest } = await import('./blobs/ingest.ts');
      return beginIngest(context, taken, { ...limits, ...own });
    },
    oci: ociStore(context, { exec, limits, trees }),
    treePlan: (key) => trees.plan(key, imageSource(context)),
    planAlone: (key) => trees.planAlone(key, imageSource(context)),
    renderTree: async (key) => await renderTree({ context, trees, taken }, key),
    compare: async (key, base) => await compare({ context, exec, limits, trees }, key, base),
    close,
    [Symbol.dispose]: close,
  };
}

function lookups(context: StoreContext): Pick<ImageStore, LookupName> {
  const { dir } = context;

  return {
    findByPrefix: (text) => findByPrefix(dir, text),
    findByName: (name, labels) => findByName(context, name, labels),
    findByReference: (reference) => {
      const key = readRemote(dir, referenceUrl(reference))?.key;
      return key === undefined ? undefined : readRecord(context, key);
    },
    record: (key) => readRecord(context, key),
    list: () =>
      listKeys(dir)
        .map((key) => readRecord(context, key))
        .filter((record) => record !== undefined),
    manifest: (key) => readManifest(dir, key),
    blobPath: (key) => blobPath(dir, key),
    blobPaths: ({ key, oci }) => blobPathsOf(dir, key, oci),
    withDependencies: (keys) => [...withDependencies(context, keys)],
    remote: (url) => readRemote(dir, url),
    verifyBlobs: async (key) => {
      const { verifyBlobs } = await import('./blobs/verify-blobs.ts');
      demandRegularImage(dir, key);
      await verifyBlobs(context, key);
    },
  };
}

function changes(context: StoreContext): Pick<ImageStore, ChangeName> {
  const { dir } = context;

  return {
    touch: (key) => writeLastUse(dir, key, context.clock()),
    accept: (key, given) => guarded(dir, () => acceptAgain(context, key, given)),
    putRemote: (record) => guarded(dir, () => writeRemote(context, record)),
    lease: (keys) => guarded(dir, () => leaseImages(context, keys)),
    remove: async (key, inUse = nothingInUse) => {
      const { removeImage } = await import('./gc/remove-image.ts');
      guarded(dir, () => removeImage(context, key, inUse));
    },
    gc: async (options) => {
      const { collectImages } = await import('./gc/collect.ts');
      return await guardedAsync(dir, () => collectImages(context, options));
    },
    rebuildIndex: async () => {
      const { rebuildIndex } = await import('./index/rebuild.ts');
      return await guardedAsync(dir, () => rebuildIndex(context));
    },
  };
}

type LookupName =
  | 'findByPrefix'
  | 'findByName'
  | 'findByReference'
  | 'record'
  | 'list'
  | 'manifest'
  | 'blobPath'
  | 'blobPaths'
  | 'withDependencies'
  | 'remote'
  | 'verifyBlobs';
type OwnName =
  | 'beginIngest'
  | 'oci'
  | 'dir'
  | 'trees'
  | 'treePlan'
  | 'planAlone'
  | 'renderTree'
  | 'compare'
  | 'close'
  | typeof Symbol.dispose;
type ChangeName = Exclude<keyof ImageStore, LookupName | OwnName>;

interface Rendering {
  readonly context: StoreContext;
  readonly trees: Trees;
  readonly taken: TakenBlobs;
}

async function renderTree({ context, trees, taken }: Rendering, key: ImageKey): Promise<Tree> {
  const plan = trees.plan(key, imageSource(context));
  using _lease = leaseImages(
    context,
    plan.layers.map((layer) => layer.key),
  );
  const layers = plan.layers.map((layer) => ({ ...layer, isIntact: taken.isIntact(layer.key) }));
  const unseen = layers.filter(({ isIntact }) => !isIntact);
  if (unseen.length > 0) {
    const { demandManifestCopy } = await import('./index/manifest-copy.ts');
    for (const layer of unseen) demandManifestCopy(context.dir, layer.key);
  }
  const tree = await trees.render({ ...plan, layers });
  if (readTreeSize(context.dir, key) !== tree.size) writeTreeSize(context, key, tree.size);

  return tree;
}

interface Comparing extends Omit<Parts, 'lock'> {
  readonly context: StoreContext;
}

async function compare(
  { context, exec, limits, trees }: Comparing,
  key: ImageKey,
  base: ImageKey | undefined,
): Promise<readonly FileChange[]> {
  const { compareImages } = await import('./tree/compare-images.ts');
  const { dir, kernel } = context;
  const source = imageSource(context);
  const plan = trees.plan(key, source);
  const other = base === undefined ? undefined : trees.plan(base, source);
  const layers = [...plan.layers, ...(other?.layers ?? [])];
  using _lease = leaseImages(
    context,
    layers.map((layer) => layer.key),
  );

  for (const each of [plan, other]) if (each !== undefined) demandRegularBlobs(each);

  return await guardedAsync(dir, () => compareImages({ dir, kernel, exec, limits }, plan, other));
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
