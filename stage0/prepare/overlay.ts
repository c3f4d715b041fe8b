import { chmodSync, chownSync, mkdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { openLayers } from '#image-store';
import { overlayUpperDir, overlayWorkDir } from '#stage1';

/** A tree under one changeable layer of a pod. */
export interface OverlayPlace {
  readonly podDir: string;
  readonly treeId: string;
  /** Empty for stage1. */
  readonly app: string;
  /** What it lies over, the top one first. */
  readonly lowers: readonly string[];
}

/**
 * File systems that keep no changeable layer of an overlay: they lack
 * whiteouts or the attributes that overlays live by, or are overlays
 * themselves. By the number that statfs(2) gives, linux/magic.h.
 */
const NO_LAYERS: ReadonlyMap<number, string> = new Map([
  [0x0102_1997, '9p'],
  [0x517b, 'smb'],
  [0x6969, 'nfs'],
  [0xf15f, 'ecryptfs'],
  [0x6173_6673, 'aufs'],
  [0x794c_7630, 'overlay'],
  [0xfe53_4d42, 'smb'],
  [0xff53_4d42, 'cifs'],
]);

/**
 * Why trees cannot be overlay layers on this host; undefined when they can.
 * @param dataDir where trees and pods lie; it is there
 */
export function overlayObstacle(
  dataDir: string,
  filesystems: string = readFileSync('/proc/filesystems', 'utf8'),
): string | undefined {
  if (!/\toverlay$/m.test(filesystems)) return 'the kernel has no overlay file system';
  const kind = NO_LAYERS.get(statfsSync(dataDir).type);
  if (kind !== undefined) return `the file system of "${dataDir}", ${kind}, takes no layers`;
  // Commas and colons mean something in overlay's options, and so do backslashes.
  if (/[,:\\]/.test(dataDir)) return `the path "${dataDir}" holds a comma, colon or backslash`;

  return undefined;
}

/** Makes the folders of an overlay, beforehand. The top one looks like the tree's, for it becomes the app's `/`. */
export function makeOverlayDirs({ podDir, treeId, app, lowers }: OverlayPlace): void {
  for (const leaf of [overlayUpperDir(podDir, treeId), overlayWorkDir(podDir, treeId)]) {
    for (const dir of [dirname(dirname(leaf)), dirname(leaf), leaf]) makeDir(dir);
    if (app !== '') makeDir(join(leaf, app));
  }

  const upper = overlayUpperDir(podDir, treeId, app);
  const { mode, uid, gid } = statSync(lowers[0] ?? '');
  if (uid !== 0 || gid !== 0) chownSync(upper, uid, gid);
  chmodSync(upper, mode & 0o7777);
}

/** Makes one folder unless it is there; cheaper than having its parents looked for. */
export function makeDir(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/**
 * Mounts an overlay, in the pod's mount namespace.
 * @throws GantryError OVERLAY_REFUSED
 */
export function mountOverlay(kernel: Kernel, place: OverlayPlace, target: string): void {
  const { podDir, treeId, app, lowers } = place;
  const upper = overlayUpperDir(podDir, treeId, app);
  const work = overlayWorkDir(podDir, treeId, app);
  using layers = openLayers(lowers);
  const data = `lowerdir=${layers.option},upperdir=${upper},workdir=${work}`;

  try {
    kernel.mount({ source: 'overlay', target, fstype: 'overlay', data });
  } catch (cause) {
    throw new GantryError('OVERLAY_REFUSED', `cannot overlay the trees of the pod in "${podDir}"`, {
      hint: 'the kernel log tells more, see "dmesg"; with --no-overlay trees are copied',
      cause,
    });
  }
}
