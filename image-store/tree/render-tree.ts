import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  fsyncSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import { renameDurably, syncDir } from '#base/fs/atomic';
import type { Log } from '#base/log/log';
import { formatImageManifest } from '#schema/image/image-manifest';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import { checkFast } from './check-tree.ts';
import { type Extractor, extract, isRoot } from './extraction.ts';
import { findTree, formatFlag } from './find-tree.ts';
import { packTree } from './packed-tree.ts';
import type { Tree } from './tree.ts';
import { type Locker, lockTree } from './tree-lock.ts';
import {
  BROKEN_ENDING,
  treeDir,
  treeFlagPath,
  treeListingPath,
  treeManifestPath,
  treeRootfsPath,
  treesDir,
} from './tree-paths.ts';
import type { TreePlan } from './tree-plan.ts';

/** What it takes to render. */
export interface Renderer extends Locker, Extractor {
  /** From how many entries on a tree becomes one image where tools and kernel allow it. */
  readonly packFrom: number;
  readonly log: Log;
}

/**
 * Renders the tree of a plan unless it is there, complete and unchanged. One
 * that was changed is put aside: a running pod may still have it as its lower
 * directory.
 * @throws GantryError TREE_NEEDS_ROOT, and what `extract` throws
 */
export async function renderTree(renderer: Renderer, plan: TreePlan): Promise<Tree> {
  if (!isRoot())
    throw new GantryError(
      'TREE_NEEDS_ROOT',
      `cannot render image "${plan.manifest.name}": this takes root`,
      { hint: 'run the command as root' },
    );

  using _lock = await lockTree(renderer, plan.id);
  const there = findTree(renderer.dir, plan.id);
  if (there !== undefined && isUnchanged(renderer, there)) return there;
  if (existsSync(treeDir(renderer.dir, plan.id))) putAside(renderer.dir, plan.id);

  await render(renderer, plan);
  const tree = findTree(renderer.dir, plan.id);
  if (tree === undefined) throw new Error(`tree ${plan.id} is not there after it was rendered`);
  return tree;
}

/**
 * Renames a tree out of the way, so that it is rendered anew; what uses it goes
 * on doing so. The caller holds its lock.
 */
export function putAside(dir: string, id: string): void {
  const aside = `${treeDir(dir, id)}${BROKEN_ENDING}-${randomBytes(4).toString('hex')}`;
  renameDurably(treeDir(dir, id), aside);
}

function isUnchanged({ kernel, log }: Renderer, tree: Tree): boolean {
  try {
    checkFast(kernel, tree);
    return true;
  } catch (error) {
    if (!isGantryError(error, 'TREE_CHANGED')) throw error;
    log.warning(`${errorMessage(error)}; rendering it again`);
    return false;
  }
}

/**
 * In the order that a crash allows: all content on disk, what describes it, the
 * flag, the name.
 */
async function render(renderer: Renderer, plan: TreePlan): Promise<void> {
  const { dir, kernel, log } = renderer;
  const { key, layers, manifest } = plan;
  using temp = makeTempEntry(kernel, dir, 'tree');
  const tree = join(temp.path, 'tree');
  makePrivateDir(temp.path, tree);
  log.debug(`rendering image "${manifest.name}" of ${layers.length} layers`);

  // The extracting process flushes the file system: this file too.
  writeFileSync(treeManifestPath(tree), `${formatImageManifest(manifest)}\n`, { mode: 0o600 });
  const done = await extract(renderer, {
    root: treeRootfsPath(tree),
    layers,
    record: { listingPath: treeListingPath(tree), digestsPath: join(temp.path, 'digests') },
    progress: (progress) => log.progress({ ...progress, id: manifest.name, action: 'rendering' }),
  });
  const { bytes: size, entries, hash = '' } = done;
  const kind = (await packIfLarge(renderer, { tree, plan, entries, hash }))
    ? 'packed'
    : 'directory';
  writeDurably(treeFlagPath(tree), formatFlag({ key, kind, size, entries, hash }));
  syncDir(tree);

  makeTreesDir(dir);
  renameSync(tree, treeDir(dir, plan.id));
  syncDir(treesDir(dir));
}

interface Finished {
  readonly tree: string;
  readonly plan: TreePlan;
  readonly entries: number;
  readonly hash: string;
}

/** An image without an app is a stage1, whose entrypoints are loaded from its tree, or something that others are made of. */
async function packIfLarge(
  renderer: Renderer,
  { tree, plan, entries, hash }: Finished,
): Promise<boolean> {
  if (entries < renderer.packFrom || plan.manifest.app === undefined) return false;

  const packed = await packTree(renderer, tree, hash);
  if (!packed) renderer.log.debug('this machine does not pack trees into erofs images');
  return packed;
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

function writeDurably(path: string, text: string): void {
  writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
