import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { PLAIN } from '#base/fs/plain-file';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, parseImageKey } from '#schema/types/image-hash';
import { changedTree } from './check-tree.ts';
import type { PlainTree, StoredTree, Tree, TreeKind } from './tree.ts';
import { isLayerTreeId } from './tree-plan.ts';
import {
  BROKEN_ENDING,
  treeDir,
  treeFlagPath,
  treeManifestPath,
  treeRootfsPath,
  treesDir,
} from './tree-paths.ts';

/** Version of a tree's folder; a tree of another version counts as none and is rendered anew. */
const TREE_VERSION = 1;

/** What the completion flag says. */
export interface TreeFlag {
  /** The image that the tree is for; undefined for a layer's. */
  readonly key: ImageKey | undefined;
  /** Ids of the trees that it lies over, lowest first. */
  readonly layers?: readonly string[] | undefined;
  readonly kind: TreeKind;
  /** Bytes of content. */
  readonly size: number;
  readonly entries: number;
  /** The whole-tree hash. */
  readonly hash: string;
}

/** The completion flag as it is written. */
export function formatFlag(flag: TreeFlag): string {
  return `${JSON.stringify({ version: TREE_VERSION, ...flag })}\n`;
}

/** Whether the caller may look among the trees: who is not root finds none, whatever is there. */
export function mayLookAtTrees(dir: string): boolean {
  try {
    accessSync(treesDir(dir), constants.R_OK | constants.X_OK);
    return true;
  } catch (error) {
    return errorCode(error) !== 'EACCES';
  }
}

/** The tree of an image with this id; undefined when there is none that the caller may look at, or it, or one below it, is not complete. */
export function findTree(dir: string, id: string): Tree | undefined {
  const path = treeDir(dir, id);
  const flag = readFlag(path);
  if (flag?.key === undefined) return undefined;
  const layers: PlainTree[] = [];
  for (const each of flag.layers ?? []) {
    const layer = findLayerTree(dir, each);
    if (layer === undefined) return undefined;
    layers.push(layer);
  }

  let manifest: ImageManifest | undefined;
  return {
    ...plainTree(dir, id, flag),
    key: flag.key,
    size: layers.reduce((sum, layer) => sum + layer.size, flag.size),
    layers,
    get manifest() {
      manifest ??= readTreeManifest(path, id);
      return manifest;
    },
  };
}

function readTreeManifest(path: string, id: string): ImageManifest {
  try {
    return parseImageManifest(readFileSync(treeManifestPath(path), 'utf8'));
  } catch (cause) {
    throw changedTree({ id }, 'its manifest was damaged', cause);
  }
}

/** The tree of a layer; undefined when there is none or it is not complete. */
export function findLayerTree(dir: string, id: string): PlainTree | undefined {
  const flag = isLayerTreeId(id) ? readFlag(treeDir(dir, id)) : undefined;

  return flag === undefined ? undefined : plainTree(dir, id, flag);
}

function plainTree(dir: string, id: string, { kind, size, entries, hash }: TreeFlag): PlainTree {
  const path = treeDir(dir, id);

  return { id, dir: path, rootfs: treeRootfsPath(path), kind, size, entries, hash };
}

/** All that lies among the trees, complete or not; a file is a tree that is not. */
export function listTrees(dir: string): readonly StoredTree[] {
  return folderNames(treesDir(dir)).map((name) => {
    const path = treeDir(dir, name);
    const flag = readFlag(path);
    const ending = name.indexOf(BROKEN_ENDING);

    return {
      dir: path,
      name,
      id: ending === -1 ? name : name.slice(0, ending),
      key: flag?.key,
      layers: flag?.layers ?? [],
      size: flag?.size ?? 0,
      broken: ending !== -1,
    };
  });
}

function folderNames(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function readFlag(path: string): TreeFlag | undefined {
  try {
    const text = readFileSync(treeFlagPath(path), { encoding: 'utf8', flag: PLAIN });
    const flag = JSON.parse(text) as Record<string, unknown>;
    if (flag['version'] !== TREE_VERSION) return undefined;

    const { key, layers } = flag;
    return {
      key: typeof key === 'string' ? parseImageKey(key) : undefined,
      layers: Array.isArray(layers) ? layers.map(String) : undefined,
      kind: flag['kind'] === 'packed' ? 'packed' : 'directory',
      size: Number(flag['size']),
      entries: Number(flag['entries']),
      hash: String(flag['hash']),
    };
  } catch {
    return undefined;
  }
}
