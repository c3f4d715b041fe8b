import { existsSync } from 'node:fs';
import type { OciDigest } from '#schema/oci/digest';
import type { ImageKey } from '#schema/types/image-hash';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import { release } from '../archive/release.ts';
import { extractLayer } from './extraction.ts';
import type { ExtractionDone } from './extraction-protocol.ts';
import { findLayerTree, type TreeFlag } from './find-tree.ts';
import {
  beginTree,
  finishTree,
  isUnchanged,
  putAside,
  type TreeMaker,
  writeDurably,
} from './make-tree.ts';
import { lockTree } from './tree-lock.ts';
import { treeDir, treeDirectoriesPath, treeListingPath, treeRootfsPath } from './tree-paths.ts';
import { layerTreeIdOf } from './tree-plan.ts';

/** A layer of an OCI image. */
export interface LayerArchive {
  readonly diffId: OciDigest;
  /** Its archive, unpacked, which fails when it is not what the digest says; the memory of the chunks must be nobody else's. */
  readonly archive: AsyncGenerator<Buffer, void, undefined>;
}

/** The tree of a layer, made out of everybody's sight. */
export interface StagedLayer extends Disposable {
  /** @throws GantryError what the archive was refused for: ARCHIVE_*, EXTRACT_* */
  demand(): void;
  /** After `demand`: has the tree known. The caller holds its lock, and has seen that it is not there. */
  place(): void;
}

/**
 * Extracts a layer while it comes. Nobody sees anything of it before it is placed.
 * @throws what the archive fails with, when it has been read to there
 */
export async function stageLayer(
  maker: TreeMaker,
  { diffId, archive }: LayerArchive,
): Promise<StagedLayer> {
  const { dir, kernel } = maker;
  const id = layerTreeIdOf(diffId);
  const temp = makeTempEntry(kernel, dir, 'tree');
  try {
    const tree = beginTree(temp);
    const outcome = await extractLayer(maker, {
      root: treeRootfsPath(tree),
      listingPath: treeListingPath(tree),
      archive,
    });

    return {
      demand: () => void outcome(),
      place: () => {
        const done = outcome();
        writeDurably(treeDirectoriesPath(tree), JSON.stringify(done.directories));
        finishTree(dir, id, { tree, flag: directoryFlag(done, undefined) });
      },
      [Symbol.dispose]: () => temp.remove(),
    };
  } catch (error) {
    temp.remove();
    throw error;
  }
}

/** Whether the tree of a layer is there, unchanged; one that was changed is put aside. The caller holds its lock. */
export function hasLayer(maker: TreeMaker, diffId: OciDigest): boolean {
  const id = layerTreeIdOf(diffId);
  const there = findLayerTree(maker.dir, id);
  if (there !== undefined && isUnchanged(maker, there)) return true;
  if (existsSync(treeDir(maker.dir, id))) putAside(maker.dir, id);

  return false;
}

/**
 * As `stageLayer`, but for one whose tree is there already nothing is extracted.
 * It may come from far away, so nobody waits for its tree meanwhile: whoever needs
 * it makes another, and the first that is placed counts.
 */
export async function stageArriving(maker: TreeMaker, layer: LayerArchive): Promise<Staged> {
  const { diffId, archive } = layer;
  const id = layerTreeIdOf(diffId);
  if (findLayerTree(maker.dir, id) !== undefined) {
    for await (const chunk of archive) release(chunk);
    return { demand: () => {}, place: async () => {}, [Symbol.dispose]: () => {} };
  }
  const staged = await stageLayer(maker, layer);

  return {
    demand: () => staged.demand(),
    place: async () => {
      using _lock = await lockTree(maker, id);
      if (!hasLayer(maker, diffId)) staged.place();
    },
    [Symbol.dispose]: () => staged[Symbol.dispose](),
  };
}

/** As `StagedLayer`, for who holds no lock. */
export interface Staged extends Disposable {
  /** @throws GantryError what the archive was refused for: ARCHIVE_*, EXTRACT_* */
  demand(): void;
  /** After `demand`: has it known, unless somebody else did meanwhile. */
  place(): Promise<void>;
}

/** The flag of a tree that is a directory. @param key of its image; undefined for a layer's */
export function directoryFlag(
  { bytes, entries, hash = '' }: ExtractionDone,
  key: ImageKey | undefined,
): TreeFlag {
  return { key, kind: 'directory', size: bytes, entries, hash };
}
