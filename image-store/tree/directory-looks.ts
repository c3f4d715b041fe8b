import { type BigIntStats, lstatSync } from 'node:fs';
import type { Kernel } from '#base/kernel/kernel';
import type { DirectoryLook } from '../archive/directory-look.ts';

/** The tree of a layer, to be looked into. */
export interface LookedAtLayer {
  readonly rootfs: string;
  /** Directories that the layer's archive has no entry for, the root as the empty path. */
  readonly implied: ReadonlySet<string>;
  /** Directories in which it hides something of lower layers. */
  readonly hiding: readonly string[];
}

/** What overlayfs itself keeps in attributes, its mark of a directory that hides what is below among it. */
const OVERLAY_ATTRIBUTE = /^trusted\.overlay\./;
const OPAQUE_ATTRIBUTE = 'trusted.overlay.opaque';

/** How the root of an image looks that says nothing of it, as that of an ACI. */
const PLAIN_ROOT: DirectoryLook = {
  path: '',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtime: '0',
  attributes: [],
};

/**
 * The directories of an image that overlayfs would show wrongly, how they look,
 * with those above them, and always the root:
 *
 * - It shows a directory as the uppermost layer has it, which says nothing where
 *   the layer's archive has no entry for it; the next one with an entry does.
 * - It lists what hides something itself, in a directory that one layer only has.
 *
 * @param layers lowest first
 * @returns each below one before it
 */
export function directoryLooks(
  kernel: Kernel,
  layers: readonly LookedAtLayer[],
): readonly DirectoryLook[] {
  const topDown = layers.toReversed();
  const implied = new Set(layers.flatMap((layer) => [...layer.implied]));
  const hiding = new Set(layers.flatMap((layer) => layer.hiding));
  const wrong = [
    ...[...implied].filter((path) => isShownWrongly(kernel, topDown, path)),
    ...[...hiding].filter((path) => [...visible(kernel, topDown, path)].length === 1),
  ];
  const wanted = new Set(['']);
  for (const path of wrong) {
    for (let each = path; each !== ''; each = parentOf(each)) wanted.add(each);
  }

  return [...wanted].sort().map((path) => {
    const layer = saidBy(kernel, topDown, path) ?? shownBy(kernel, topDown, path);
    return layer === undefined ? PLAIN_ROOT : lookOf(kernel, layer, path);
  });
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** Whether the layer that overlayfs shows a directory of has no entry for it, and one below has. */
function isShownWrongly(kernel: Kernel, topDown: readonly LookedAtLayer[], path: string): boolean {
  const shown = shownBy(kernel, topDown, path);
  if (shown === undefined || !shown.implied.has(path)) return false;

  return saidBy(kernel, topDown, path) !== undefined;
}

function shownBy(
  kernel: Kernel,
  topDown: readonly LookedAtLayer[],
  path: string,
): LookedAtLayer | undefined {
  return visible(kernel, topDown, path).next().value ?? undefined;
}

function saidBy(
  kernel: Kernel,
  topDown: readonly LookedAtLayer[],
  path: string,
): LookedAtLayer | undefined {
  for (const layer of visible(kernel, topDown, path)) {
    if (!layer.implied.has(path)) return layer;
  }
  return undefined;
}

/** The layers whose directory at a path is part of what is seen there, the top one first. */
function* visible(
  kernel: Kernel,
  topDown: readonly LookedAtLayer[],
  path: string,
): Generator<LookedAtLayer, undefined> {
  for (const layer of topDown) {
    const { there, ends } = lookInto(kernel, layer, path);
    if (there) yield layer;
    if (ends) return undefined;
  }
  return undefined;
}

/**
 * @returns whether the layer has a directory at the path, and whether it hides what lower layers have there
 */
function lookInto(
  kernel: Kernel,
  { rootfs }: LookedAtLayer,
  path: string,
): { readonly there: boolean; readonly ends: boolean } {
  let ends = kernel.getXattr(rootfs, OPAQUE_ATTRIBUTE) !== undefined;
  let full = rootfs;
  // Step by step: what lies on the way may be a link to anywhere.
  for (const part of path === '' ? [] : path.split('/')) {
    full = `${full}/${part}`;
    const stats = lstatSync(full, { throwIfNoEntry: false });
    if (stats === undefined) return { there: false, ends };
    if (!stats.isDirectory()) return { there: false, ends: true };
    ends ||= kernel.getXattr(full, OPAQUE_ATTRIBUTE) !== undefined;
  }

  return { there: true, ends };
}

function lookOf(kernel: Kernel, { rootfs }: LookedAtLayer, path: string): DirectoryLook {
  const full = path === '' ? rootfs : `${rootfs}/${path}`;
  const stats: BigIntStats = lstatSync(full, { bigint: true });
  const names = kernel.listXattrs(full).filter((name) => !OVERLAY_ATTRIBUTE.test(name));

  return {
    path,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtime: String(stats.mtimeNs),
    attributes: names.sort().map((name) => ({
      name,
      value: kernel.getXattr(full, name)?.toString('base64') ?? '',
    })),
  };
}

/**
 * The layers that are seen at all: one whose root hides what is below is the
 * lowest, which overlayfs would not make of the mark on a root.
 * @param layers lowest first
 */
export function visibleLayers<Layer extends { readonly rootfs: string }>(
  kernel: Kernel,
  layers: readonly Layer[],
): readonly Layer[] {
  const lowest = layers.findLastIndex(
    ({ rootfs }) => kernel.getXattr(rootfs, OPAQUE_ATTRIBUTE) !== undefined,
  );

  return layers.slice(Math.max(lowest, 0));
}
