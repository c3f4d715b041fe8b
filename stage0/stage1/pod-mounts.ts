import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CLONE, type Fd, type Kernel, MS } from '#base/kernel/kernel';
import {
  appRootfsDir,
  appTreeIdPath,
  overlayPreparedPath,
  stage1RootfsDir,
  stage1TreeIdPath,
} from '#stage1';
import { mountOverlay } from '../prepare/overlay.ts';

/**
 * Leaves the host's mount table behind: what the pod mounts stays in the pod,
 * what the host unmounts goes from the pod too, so that no device stays busy.
 * @returns the host's mount namespace, open
 */
export function enterPodMounts(kernel: Kernel): Fd {
  const callerMounts = openSync('/proc/self/ns/mnt', 'r');
  kernel.unshare(CLONE.NEWNS);
  kernel.mount({ source: 'none', target: '/', flags: MS.SLAVE | MS.REC });

  return callerMounts;
}

/** Which trees a prepared pod lies over, and where those are. */
export interface PodLayers {
  readonly podDir: string;
  readonly apps: readonly string[];
  /** The lower directories that an image is seen by, the top one first. @throws GantryError when its tree is gone */
  readonly lowersOf: (treeId: string) => readonly string[];
}

/**
 * Puts the pod's file systems together, in its mount namespace: stage1 over
 * its tree, each app over its own below it. Copies are in place already.
 */
export function mountPod(kernel: Kernel, { podDir, apps, lowersOf }: PodLayers): void {
  if (!existsSync(overlayPreparedPath(podDir))) return;

  const treeId = readFileSync(stage1TreeIdPath(podDir), 'utf8');
  const place = { podDir, treeId, app: '', lowers: lowersOf(treeId) };
  mountOverlay(kernel, place, stage1RootfsDir(podDir));
  for (const app of apps) {
    const id = readFileSync(appTreeIdPath(podDir, app), 'utf8');
    const layers = { podDir, treeId: id, app, lowers: lowersOf(id) };
    mountOverlay(kernel, layers, appRootfsDir(podDir, app));
  }
}

/** The folder that lies in, for what is written into stage1's root. */
export function makeParent(path: string): string {
  mkdirSync(dirname(path), { recursive: true });

  return path;
}
