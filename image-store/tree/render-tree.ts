import { existsSync, writeFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { isRoot } from '#base/kernel/is-root';
import { formatImageManifest } from '#schema/image/image-manifest';
import { extract } from './extraction.ts';
import { findTree } from './find-tree.ts';
import { isUnchanged, makeTree, putAside, type TreeMaker } from './make-tree.ts';
import { packTree } from './packed-tree.ts';
import { fillStackTree, renderLayers } from './render-stack.ts';
import type { Tree } from './tree.ts';
import { lockTree } from './tree-lock.ts';
import { treeDir, treeListingPath, treeManifestPath, treeRootfsPath } from './tree-paths.ts';
import type { TreePlan } from './tree-plan.ts';

/** What it takes to render. */
export interface Renderer extends TreeMaker {
  /** From how many entries on a tree becomes one image where tools and kernel allow it. */
  readonly packFrom: number;
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

  if (plan.stack !== undefined) await renderLayers(renderer, plan.stack);
  using _lock = await lockTree(renderer, plan.id);
  const there = findTree(renderer.dir, plan.id);
  if (there !== undefined && isUnchanged(renderer, there)) return there;
  if (existsSync(treeDir(renderer.dir, plan.id))) putAside(renderer.dir, plan.id);

  await render(renderer, plan);
  const tree = findTree(renderer.dir, plan.id);
  if (tree === undefined) throw new Error(`tree ${plan.id} is not there after it was rendered`);
  return tree;
}

async function render(renderer: Renderer, plan: TreePlan): Promise<void> {
  const { log } = renderer;
  const { key, manifest } = plan;
  const layers = plan.stack ?? plan.layers;
  log.debug(`rendering image "${manifest.name}" of ${layers.length} layers`);

  await makeTree(renderer, plan.id, async ({ tree, digestsPath }) => {
    // The extracting process flushes the file system: this file too.
    writeFileSync(treeManifestPath(tree), `${formatImageManifest(manifest)}\n`, { mode: 0o600 });
    if (plan.stack !== undefined) {
      return await fillStackTree(renderer, plan.stack, { tree, key, digestsPath });
    }
    const done = await extract(renderer, {
      root: treeRootfsPath(tree),
      layers: plan.layers,
      record: { listingPath: treeListingPath(tree), digestsPath },
      progress: (progress) => log.progress({ ...progress, id: manifest.name, action: 'rendering' }),
    });
    const { bytes: size, entries, hash = '' } = done;
    const kind = (await packIfLarge(renderer, { tree, plan, entries, hash }))
      ? 'packed'
      : 'directory';
    return { key, kind, size, entries, hash };
  });
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
