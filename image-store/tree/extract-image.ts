import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { mountsBelow } from '#base/fs/mounts-below';
import { removePath } from '#base/fs/remove-path';
import { formatImageManifest } from '#schema/image/image-manifest';
import { targetError } from '../archive/target-error.ts';
import { type ExtractedLayer, type Extractor, extract } from './extraction.ts';
import { unpackKept } from './render-stack.ts';
import type { TreePlan } from './tree-plan.ts';

/** Where an image is extracted to, and how. */
export interface ExtractionTarget {
  /** A directory that is not there yet; its parent is. */
  readonly dir: string;
  /** Only the root file system, not beside a manifest in a directory `rootfs`. */
  readonly rootfsOnly?: boolean | undefined;
  /** Whether what is at `dir` is removed first, whatever it is. */
  readonly overwrite?: boolean | undefined;
  /** A directory of gantry's own: neither it, nor what is in it, nor what it lies in is a target. */
  readonly sparing?: string | undefined;
}

/**
 * Extracts a planned tree for somebody's own use. It appears whole or not at
 * all; what was there before goes only when the new is ready.
 * @throws GantryError TARGET_REFUSED for the root directory, for one with mounts in
 *   it or with what is to be spared, other TARGET_*, and what `extract` throws
 */
export async function extractImage(
  extractor: Extractor,
  plan: TreePlan,
  target: ExtractionTarget,
): Promise<void> {
  const dir = checkTarget(target);
  const temporary = join(dirname(dir), `.${basename(dir)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    mkdirSync(temporary, { mode: 0o700 });
    const made = await extractBelow(extractor, plan, { temporary, target });
    if (target.overwrite === true && isThere(dir)) replace(dir, made);
    else renameSync(made, dir);
  } catch (error) {
    throw targetError(error, `extract to "${target.dir}"`);
  } finally {
    removePath(temporary, { recursive: true, force: true });
  }
}

/**
 * Puts a directory in the place of what is there. That is moved aside before,
 * and removed when the new is there: nobody is left with neither.
 */
function replace(dir: string, made: string): void {
  const [mount] = mountsBelow(dir);
  if (mount !== undefined) {
    throw new GantryError('TARGET_REFUSED', `cannot remove "${dir}": "${mount}" is mounted in it`, {
      hint: 'unmount it first, or name another directory',
    });
  }

  const old = join(dirname(dir), `.${basename(dir)}.${randomBytes(6).toString('hex')}.old`);
  renameSync(dir, old);
  try {
    renameSync(made, dir);
  } catch (error) {
    renameSync(old, dir);
    throw error;
  }
  removePath(old, { recursive: true, force: true });
}

interface Below {
  /** A directory of our own. */
  readonly temporary: string;
  readonly target: ExtractionTarget;
}

/** @returns the directory that is to become the target */
async function extractBelow(
  extractor: Extractor,
  plan: TreePlan,
  { temporary, target }: Below,
): Promise<string> {
  const made = join(temporary, 'image');
  const root = target.rootfsOnly === true ? made : join(made, 'rootfs');
  for (const dir of new Set([made, root])) {
    mkdirSync(dir);
    chownSync(dir, -1, process.getegid?.() ?? -1);
    chmodSync(dir, 0o755);
  }
  if (plan.stack === undefined) await extract(extractor, { root, layers: plan.layers });
  else await extractStack(extractor, plan.stack, { root, temporary });
  if (target.rootfsOnly !== true)
    writeFileSync(join(made, 'manifest'), `${formatImageManifest(plan.manifest)}\n`);

  return made;
}

/** Places the layers of an OCI image one over the other. */
async function extractStack(
  extractor: Extractor,
  stack: NonNullable<TreePlan['stack']>,
  { root, temporary }: { readonly root: string; readonly temporary: string },
): Promise<void> {
  const layers: ExtractedLayer[] = [];
  for (const [index, layer] of stack.entries()) {
    const blob = join(temporary, `layer-${index}.tar`);
    await unpackKept(extractor, layer, blob);
    layers.push({ key: layer.diffId, blob, isIntact: true, whitelists: [], whiteouts: 'apply' });
  }

  await extract(extractor, { root, layers });
}

/** @returns the target's path, its parent resolved */
function checkTarget({ dir, overwrite = false, sparing }: ExtractionTarget): string {
  const path = resolve(dir);
  if (path === '/' || (existsSync(path) && realpathSync(path) === '/'))
    throw new GantryError(
      'TARGET_REFUSED',
      `cannot extract to "${dir}": that is the root of this machine`,
    );
  if (!overwrite && isThere(path))
    throw new GantryError('TARGET_EXISTS', `cannot extract to "${dir}": it exists`, {
      hint: 'use --overwrite to replace it, or name another directory',
    });

  if (isSpecial(path))
    throw new GantryError(
      'TARGET_REFUSED',
      `cannot extract to "${dir}": it is a device, a pipe or a socket`,
      { hint: 'name another directory' },
    );

  const real = join(realParent(dir, path), basename(path));
  if (sparing !== undefined && existsSync(sparing) && overlap(real, realpathSync(sparing)))
    throw new GantryError(
      'TARGET_REFUSED',
      `cannot extract to "${dir}": gantry keeps its own in "${sparing}"`,
      { hint: 'name another directory' },
    );

  return real;
}

function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** What others may be using; a directory in its place helps nobody. */
function isSpecial(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });

  return stats !== undefined && !stats.isDirectory() && !stats.isFile() && !stats.isSymbolicLink();
}

function realParent(dir: string, path: string): string {
  try {
    return realpathSync(dirname(path));
  } catch (error) {
    throw targetError(error, `extract to "${dir}"`);
  }
}
