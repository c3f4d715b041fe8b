import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import { type ArchiveLimits, DEFAULT_ARCHIVE_LIMITS } from '../archive/limits.ts';
import { demandRegularBlobs } from '../blobs/demand-regular.ts';
import { storeError } from '../format/permissions.ts';
import { checkFast, hasManifest } from './check-tree.ts';
import type { ExtractionTarget } from './extract-image.ts';
import { findTree, listTrees, mayLookAtTrees } from './find-tree.ts';
import { mountPacked } from './mount-packed.ts';
import type { Renderer } from './render-tree.ts';
import type { LayerArchive, Staged } from './stage-layer.ts';
import { allOf, lowersOf, type StoredTree, type Tree } from './tree.ts';
import { treeImagePath } from './tree-paths.ts';
import { type ImageSource, planAlone, planTree, treeIdOf, type TreePlan } from './tree-plan.ts';

/** Up to here looking at every entry takes at most 15 to 30 ms (docs/decisions/0003). */
const PACK_FROM = 10_000;

/** How to open the rendered trees of a store. */
export interface TreesOptions {
  /** The store's folder, `DATA/cas`; it must be there. */
  readonly dir: string;
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly log: Log;
  /** How worker programs start. */
  readonly workers: { readonly extract: readonly [string, ...string[]] };
  readonly limits?: ArchiveLimits | undefined;
  /**
   * From how many entries on the tree of an image with an app becomes one
   * read-only erofs image, where tools and kernel allow it; `PACK_FROM` unless told.
   */
  readonly packFrom?: number | undefined;
}

/** The rendered trees of a store. What `run` needs is synchronous. */
export interface Trees {
  treeIdOf(keys: readonly ImageKey[]): string;
  /** @throws GantryError IMAGE_DEPENDENCY_CYCLE, IMAGE_TOO_MANY_DEPENDENCIES, and what the source throws */
  plan(key: ImageKey, source: ImageSource): TreePlan;
  /** The plan of an image's own archive: no dependencies, all its files whatever its whitelist says. */
  planAlone(key: ImageKey, source: ImageSource): TreePlan;
  /** Whether the caller may look at trees, which takes root. */
  mayLook(): boolean;
  /** The tree when it is there, complete and may be looked at. */
  find(id: string): Tree | undefined;
  /**
   * The tree, rendered unless it is there and unchanged. Calls of one process
   * run one after the other.
   * @throws GantryError TREE_NEEDS_ROOT, IMAGE_CORRUPT, ARCHIVE_*, EXTRACT_*, STORE_FULL, STORE_READ_ONLY
   */
  render(plan: TreePlan): Promise<Tree>;
  /**
   * Makes the tree of a layer of an OCI image while the layer comes; nobody sees it before it is placed.
   * @param limits what it may hold: the tree of an image may hold more, if images taken in earlier could
   * @throws what the archive fails with
   */
  stageLayer(layer: LayerArchive, limits: ArchiveLimits): Promise<Staged>;
  /** @throws GantryError TREE_CHANGED, naming an entry that was added, removed or changed */
  checkFast(tree: Tree): void;
  /** Whether the manifest that lies in a tree says what this one says. */
  hasManifest(tree: Tree, manifest: ImageManifest): boolean;
  /** @param manifest what that of the tree must say; nothing when undefined. @throws GantryError TREE_CHANGED */
  verifyDeep(tree: Tree, manifest?: ImageManifest): Promise<void>;
  /** Puts a broken tree aside, and what is broken below it, so that it is rendered anew; pods that have it keep it. */
  discard(id: string): Promise<void>;
  /** Everything among the trees, broken and unfinished ones too. */
  list(): readonly StoredTree[];
  /**
   * Sees to it that a tree's root file system lies at `rootfs` in the mount
   * namespace of this process; that of a directory lies there anyhow.
   * @returns the lower directories of the overlay that the image is seen by, the top one first
   */
  attach(tree: Tree): readonly string[];
  /** Copies a tree with everything preserved to a path where nothing is yet, for pods without overlay. */
  copyTo(tree: Tree, target: string): Promise<void>;
  /**
   * Extracts a plan for somebody's own use: `image render` with a whole plan,
   * `image extract` with `planAlone`.
   * @throws GantryError TARGET_*, IMAGE_CORRUPT, EXTRACT_*, ARCHIVE_*
   */
  extract(plan: TreePlan, target: ExtractionTarget): Promise<void>;
}

/** Opens the rendered trees of a store. What `run` does not need is loaded when it is asked for. */
export function openTrees(options: TreesOptions): Trees {
  const { dir, kernel, exec, log, limits = DEFAULT_ARCHIVE_LIMITS } = options;
  const { packFrom = PACK_FROM } = options;
  const worker = options.workers.extract;
  const renderer: Renderer = { dir, kernel, exec, log, limits, packFrom, worker };
  const attached = new Set<string>();
  // Whoever holds one tree's lock must not wait for another's: two processes
  // that render two trees in opposite order would wait for each other.
  const oneAfterTheOther = createQueue(dir);

  return {
    treeIdOf,
    plan: planTree,
    planAlone,
    mayLook: () => mayLookAtTrees(dir),
    find: (id) => findTree(dir, id),
    render: (plan) =>
      oneAfterTheOther(async () => {
        const { renderTree } = await import('./render-tree.ts');
        demandRegularBlobs(plan);
        return await renderTree(renderer, plan);
      }),
    async stageLayer(layer, own) {
      const { stageArriving } = await import('./stage-layer.ts');
      return await stageArriving({ ...renderer, limits: own }, layer);
    },
    checkFast: (tree) => allOf(tree).forEach((each) => checkFast(kernel, each)),
    hasManifest,
    async verifyDeep(tree, manifest) {
      const { demandManifest, verifyDeep } = await import('./verify-tree.ts');
      if (manifest !== undefined) demandManifest(tree, manifest);
      allOf(tree).forEach((each) => verifyDeep(renderer, each));
    },
    discard: (id) =>
      oneAfterTheOther(async () => {
        const { discardTree } = await import('./discard-tree.ts');
        await discardTree(renderer, id);
      }),
    list: () => listTrees(dir),
    attach(tree) {
      if (tree.kind === 'packed' && !attached.has(tree.dir)) {
        mountPacked(kernel, treeImagePath(tree.dir), tree.rootfs);
        attached.add(tree.dir);
      }
      return lowersOf(tree);
    },
    async copyTo(tree, target) {
      const { copyTree } = await import('./copy-tree.ts');
      await copyTree(renderer, tree, target);
    },
    async extract(plan, target) {
      const { extractImage } = await import('./extract-image.ts');
      demandRegularBlobs(plan);
      await extractImage(renderer, plan, target);
    },
  };
}

function createQueue(dir: string): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();

  return (work) => {
    const result = last.then(work).catch((error: unknown) => {
      throw storeError(error, dir);
    });
    last = result.catch(() => {});
    return result;
  };
}
