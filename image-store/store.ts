import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { OciDigest } from '#schema/oci/digest';
import type { ImageKey } from '#schema/types/image-hash';
import type { Labels } from '#schema/types/labels';
import type { AcIdentifier } from '#schema/types/names';
import type { FileChange } from './archive/file-changes.ts';
import type { ArrivedImage } from './blobs/commit-oci.ts';
import type { Ingest, IngestLimits } from './blobs/ingest.ts';
import type { ArrivingLayer } from './blobs/take-layer.ts';
import type { GcOptions, GcReport } from './gc/collect.ts';
import type { InUseProbe } from './gc/in-use.ts';
import type { Lease } from './gc/lease.ts';
import type { Acceptance, ImageRecord, OciLayer, RemoteRecord } from './index/image-record.ts';
import type { RebuildReport } from './index/rebuild.ts';
import type { LocalReference, RegistryReference } from './reference/oci-reference.ts';
import type { Tree, Trees } from './tree/index.ts';
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
  /** Number of the group that may use the store; that of the group `gantry` unless told. */
  readonly groupId?: number | undefined;
  /** How to start the program that unpacks archives. */
  readonly workers: { readonly extract: readonly [string, ...string[]] };
  /** Limits on the archives that are taken in and unpacked; the reader's own unless told. */
  readonly limits?: IngestLimits | undefined;
}

/** The store as what brings OCI images sees it. */
export interface OciStore {
  /**
   * Whether a layer is there. One whose tree is there need not be hashed for an
   * image that the store has: whoever asks for that often waits for nothing then.
   * @param of the image that it is brought for
   */
  hasLayer(layer: OciLayer, of: ImageKey): Promise<boolean>;
  /** Keeps blobs from being collected, those that are not there yet too. */
  hold(digests: readonly OciDigest[]): Disposable;
  /** @throws GantryError IMAGE_SIZE_MISMATCH, IMAGE_DIGEST_MISMATCH, ARCHIVE_*, STORE_FULL */
  takeLayer(layer: ArrivingLayer): Promise<void>;
  /** Makes an image visible whose layers are there and held. @throws GantryError STORE_FULL, STORE_NO_PERMISSION */
  commit(image: ArrivedImage): Promise<ImageRecord>;
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
  beginIngest(limits?: IngestLimits): Promise<Ingest>;

  /** @throws GantryError IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS */
  findByPrefix(text: string): ImageKey;
  /** All labels asked for match; no version asked for: the latest first, then the newest import. */
  findByName(name: AcIdentifier, labels: Labels): ImageRecord | undefined;
  /** The OCI image that was brought last by a reference. */
  findByReference(reference: RegistryReference | LocalReference): ImageRecord | undefined;
  record(key: ImageKey): ImageRecord | undefined;
  /** All images, by key. */
  list(): readonly ImageRecord[];
  /** @throws GantryError IMAGE_NOT_FOUND */
  manifest(key: ImageKey): ImageManifest;
  /** Where the uncompressed archive of an image lies, or the configuration of an OCI image. */
  blobPath(key: ImageKey): string;
  /** Where all blobs of an image itself lie, each once. */
  blobPaths(record: ImageRecord): readonly string[];
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
   * @throws GantryError IMAGE_NOT_FOUND, IMAGE_DEPENDENCY_MISMATCH, IMAGE_DEPENDENCY_CYCLE, IMAGE_TOO_MANY_DEPENDENCIES
   */
  treePlan(key: ImageKey): TreePlan;
  /** As `treePlan`, of an image's own archive: no dependencies, all its files whatever its whitelist says. */
  planAlone(key: ImageKey): TreePlan;
  /**
   * The tree of an image, rendered unless it is there and unchanged. Its images
   * cannot be removed meanwhile.
   * @throws GantryError as `treePlan` and `Trees.render`
   */
  renderTree(key: ImageKey): Promise<Tree>;

  /**
   * What an image changes in another, or, without one, what the last of its
   * layers changes in those below; of an ACI, what it changes in those that it
   * depends on. Neither can be removed meanwhile.
   * @throws GantryError as `treePlan`; ARCHIVE_*, IMAGE_DIGEST_MISMATCH
   */
  compare(key: ImageKey, base?: ImageKey): Promise<readonly FileChange[]>;

  /** What takes in OCI images. */
  readonly oci: OciStore;
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
  remove(key: ImageKey, inUse?: InUseProbe): Promise<void>;
  /** Removes what was not used for long and is used by nobody, and what killed processes left. */
  gc(options: GcOptions): Promise<GcReport>;
  /** Makes the index anew from the blobs. */
  rebuildIndex(): Promise<RebuildReport>;
  /** Hashes the blobs again, and compares the copy of the manifest with them. @throws GantryError IMAGE_CORRUPT, IMAGE_NOT_FOUND */
  verifyBlobs(key: ImageKey): Promise<void>;

  /** Drops the lock; the store must not be used any more. A second time is nothing. */
  close(): void;
}
