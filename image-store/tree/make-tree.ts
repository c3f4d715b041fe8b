import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import { renameDurably, syncDir } from '#base/fs/atomic';
import type { Log } from '#base/log/log';
import { makeTempEntry, type TempEntry } from '../blobs/temp-entry.ts';
import { checkFast } from './check-tree.ts';
import type { Extractor } from './extraction.ts';
import { formatFlag, type TreeFlag } from './find-tree.ts';
import type { PlainTree } from './tree.ts';
import type { Locker } from './tree-lock.ts';
import { BROKEN_ENDING, treeDir, treeFlagPath, treeRootfsPath, treesDir } from './tree-paths.ts';

/** What it takes to make a tree. */
export interface TreeMaker extends Locker, Extractor {
  readonly log: Log;
}

/** A tree in the making, in the store's tmp/. */
export interface TreeInMaking {
  /** Becomes the tree's own folder; holds an empty root file system. */
  readonly tree: string;
  /** Of use only while the tree is made. */
  readonly digestsPath: string;
  /** A folder beside it that goes with the work. */
  readonly temp: string;
}

/**
 * Makes a tree, in the order that a crash allows: all content on disk, what
 * describes it, the flag, the name. The caller holds its lock.
 * @param fill puts everything into it, sees that to disk and says what it is
 */
export async function makeTree(
  { dir, kernel }: TreeMaker,
  id: string,
  fill: (making: TreeInMaking) => Promise<TreeFlag>,
): Promise<void> {
  using temp = makeTempEntry(kernel, dir, 'tree');
  const tree = beginTree(temp);
  const digestsPath = join(temp.path, 'digests');
  const flag = await fill({ tree, digestsPath, temp: temp.path });
  finishTree(dir, id, { tree, flag });
}

/** Makes the folder that becomes a tree's own, with an empty root file system. @returns its path */
export function beginTree({ path }: Pick<TempEntry, 'path'>): string {
  const tree = join(path, 'tree');
  makePrivateDir(path, tree);

  return tree;
}

/** A tree with everything in it, and on disk, but its flag. */
export interface FilledTree {
  readonly tree: string;
  readonly flag: TreeFlag;
}

/** Has a tree known. The caller holds its lock. */
export function finishTree(dir: string, id: string, { tree, flag }: FilledTree): void {
  writeDurably(treeFlagPath(tree), formatFlag(flag));
  syncDir(tree);

  makeTreesDir(dir);
  renameSync(tree, treeDir(dir, id));
  syncDir(treesDir(dir));
}

/**
 * Renames a tree out of the way, so that it is rendered anew; what uses it goes
 * on doing so. The caller holds its lock.
 */
export function putAside(dir: string, id: string): void {
  const aside = `${treeDir(dir, id)}${BROKEN_ENDING}-${randomBytes(4).toString('hex')}`;
  renameDurably(treeDir(dir, id), aside);
}

/** Whether a tree is as it was rendered; says so when it is not. */
export function isUnchanged({ kernel, log }: TreeMaker, tree: PlainTree): boolean {
  try {
    checkFast(kernel, tree);
    return true;
  } catch (error) {
    if (!isGantryError(error, 'TREE_CHANGED')) throw error;
    log.warning(`${errorMessage(error)}; rendering it again`);
    return false;
  }
}

/** Only root looks into a tree: it holds set-id programs that must not be run on the host. */
function makePrivateDir(temp: string, tree: string): void {
  chmodSync(temp, 0o700);
  mkdirSync(tree, 0o700);
  mkdirSync(treeRootfsPath(tree));
  // The store's folders hand their group down.
  for (const path of [tree, treeRootfsPath(tree)]) chownSync(path, 0, 0);
  chmodSync(tree, 0o700);
  chmodSync(treeRootfsPath(tree), 0o755);
}

function makeTreesDir(dir: string): void {
  if (existsSync(treesDir(dir))) return;

  mkdirSync(treesDir(dir), { recursive: true, mode: 0o700 });
  chownSync(treesDir(dir), 0, 0);
  chmodSync(treesDir(dir), 0o700);
  syncDir(dir);
}

/** Writes a file of a tree in the making, and sees it to disk. */
export function writeDurably(path: string, text: string): void {
  writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
