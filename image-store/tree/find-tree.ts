import { readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, parseImageKey } from '#schema/types/image-hash';
import type { StoredTree, Tree, TreeKind } from './tree.ts';
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
  readonly key: ImageKey;
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

/** The tree with this id; undefined when there is none or it is not complete. */
export function findTree(dir: string, id: string): Tree | undefined {
  const path = treeDir(dir, id);
  const flag = readFlag(path);
  if (flag === undefined) return undefined;

  let manifest: ImageManifest | undefined;
  return {
    id,
    ...flag,
    dir: path,
    rootfs: treeRootfsPath(path),
    get manifest() {
      manifest ??= parseImageManifest(readFileSync(treeManifestPath(path), 'utf8'));
      return manifest;
    },
  };
}

/** All folders among the trees, complete or not. */
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
    const flag = JSON.parse(readFileSync(treeFlagPath(path), 'utf8')) as Record<string, unknown>;
    if (flag['version'] !== TREE_VERSION) return undefined;

    return {
      key: parseImageKey(String(flag['key'])),
      kind: flag['kind'] === 'packed' ? 'packed' : 'directory',
      size: Number(flag['size']),
      entries: Number(flag['entries']),
      hash: String(flag['hash']),
    };
  } catch {
    return undefined;
  }
}
