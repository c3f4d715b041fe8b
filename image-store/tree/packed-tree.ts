import { closeSync, fsyncSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isGantryError } from '#base/errors/gantry-error';
import type { Exec } from '#base/exec/exec';
import { ENDING_TOGETHER } from '#base/exec/end-together';
import { demandSuccess } from '#base/exec/node-exec';
import { removePath } from '#base/fs/remove-path';
import type { Kernel } from '#base/kernel/kernel';
import { STATX_SIZE } from './entry-stat.ts';
import type { MountedRequest, StackedRequest } from './extraction-protocol.ts';
import { createListingBuilder } from './listing.ts';
import { treeImagePath, treeListingPath, treeRootfsPath } from './tree-paths.ts';
import { readAnswer } from './worker-answer.ts';

/** What it takes to pack a tree and to look into it. */
export interface Packer {
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly worker: readonly [string, ...string[]];
}

/**
 * Packs the root file system of a finished tree into one read-only erofs image,
 * proves by the whole-tree hash that the image holds just that, and leaves of
 * the directory only itself, to mount on.
 * @param hash of the tree, as it was extracted
 * @returns false, with the tree as it was, where tools or kernel do not allow it
 */
export async function packTree(packer: Packer, tree: string, hash: string): Promise<boolean> {
  const image = treeImagePath(tree);
  if (!(await makeImage(packer.exec, tree)) || hashPacked(packer, tree) !== hash) {
    removePath(image, { force: true });
    return false;
  }

  syncFile(image);
  for (const name of readdirSync(treeRootfsPath(tree))) {
    removePath(join(treeRootfsPath(tree), name), { recursive: true });
  }
  writeFileSync(treeListingPath(tree), listImage(packer.kernel, tree));
  syncFile(treeListingPath(tree));
  return true;
}

/**
 * The whole-tree hash of what is in an image.
 * @returns undefined when the kernel does not mount it
 */
export function hashPacked(packer: Packer, tree: string): string | undefined {
  try {
    return ask(packer, tree).hash;
  } catch (error) {
    if (!isGantryError(error, 'EXTRACT_FAILED')) throw error;
    return undefined;
  }
}

/** Copies what is in an image. @throws GantryError EXTRACT_FAILED, EXTRACT_NO_SPACE, EXEC_FAILED */
export function copyPacked(packer: Packer, tree: string, target: string): void {
  ask(packer, tree, target);
}

/**
 * Copies what the trees of an image look like one over the other.
 * @param lowers root file systems, the top one first
 * @throws GantryError EXTRACT_FAILED, EXTRACT_NO_SPACE, EXEC_FAILED
 */
export function copyStacked(packer: Packer, lowers: readonly string[], target: string): void {
  const [top = ''] = lowers;
  askWorker(packer, { kind: 'stacked', lowers, mountpoint: top, copyTo: target });
}

function ask(packer: Packer, tree: string, copyTo?: string): { hash?: string | undefined } {
  return askWorker(packer, {
    kind: 'mounted',
    image: treeImagePath(tree),
    mountpoint: treeRootfsPath(tree),
    copyTo,
  });
}

function askWorker(
  { exec, worker }: Packer,
  request: MountedRequest | StackedRequest,
): { hash?: string | undefined } {
  const result = exec.runSync({ argv: worker, env: {}, input: `${JSON.stringify(request)}\n` });

  return readAnswer(result, `read the rendered tree "${request.mountpoint}"`);
}

/** @returns false when there is no program to make it with */
async function makeImage(exec: Exec, tree: string): Promise<boolean> {
  try {
    const made = await exec.run({
      argv: [
        ...ENDING_TOGETHER,
        'mkfs.erofs',
        '--quiet',
        treeImagePath(tree),
        treeRootfsPath(tree),
      ],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    });
    demandSuccess(made, `pack the tree "${tree}"`);
    return true;
  } catch (error) {
    if (!isGantryError(error, 'EXEC_NOT_STARTED', 'EXEC_FAILED')) throw error;
    return false;
  }
}

/** The listing of a packed tree: one look, at the image. */
function listImage(kernel: Kernel, tree: string): Buffer {
  const listing = createListingBuilder();
  const record = Buffer.alloc(STATX_SIZE);
  const dir = openSync(tree, 'r');
  try {
    const name = treeImagePath('');
    if (!kernel.statEntry(dir, name, record)) throw new Error(`no image in ${tree}`);
    listing.add(name, record);
  } finally {
    closeSync(dir);
  }

  return Buffer.concat(listing.encode());
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
