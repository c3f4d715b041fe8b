import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Kernel } from '#base/kernel/kernel';
import type { ImageManifest } from '#schema/image/image-manifest';
import { formatPodManifest, type PodManifest } from '#schema/pod/pod-manifest';
import {
  appDir,
  appImageManifestPath,
  appRootfsDir,
  appTreeIdPath,
  overlayPreparedPath,
  podCreatedPath,
  podManifestPath,
  stage1ManifestPath,
  stage1RootfsDir,
  stage1TreeIdPath,
} from '#stage1';
import { makeOverlayDirs } from './overlay.ts';

/** A rendered tree as far as a pod is concerned. */
export interface PodTree {
  readonly id: string;
  readonly rootfs: string;
  readonly manifest: ImageManifest;
}

/** What goes into a pod's directory. */
export interface PodContents {
  readonly manifest: PodManifest;
  readonly stage1: PodTree;
  /** In the order of the apps. */
  readonly apps: readonly PodTree[];
  /** Overlay layers, else copies. */
  readonly overlay: boolean;
}

/** Copies a rendered tree into a directory that is not there yet. */
export type CopyTree = (tree: PodTree, target: string) => Promise<void>;

const POD_MANIFEST_MODE = 0o640;

/**
 * Fills a new pod's directory: manifests, which trees it is made of, and
 * either the layers that go over them or copies of them.
 */
export async function writePod(
  podDir: string,
  contents: PodContents,
  copyTree: CopyTree,
): Promise<void> {
  const { manifest, stage1, apps, overlay } = contents;
  writeFileSync(podCreatedPath(podDir), '');
  writeFileSync(podManifestPath(podDir), formatPodManifest(manifest));
  // Open to the group that lists pods, whatever the caller's umask.
  chmodSync(podManifestPath(podDir), POD_MANIFEST_MODE);

  writeFileSync(stage1TreeIdPath(podDir), stage1.id);
  manifest.apps.forEach(({ name }, index) => {
    const tree = apps[index];
    if (tree === undefined) throw new Error(`no tree for app ${name}`);
    mkdirSync(dirname(appTreeIdPath(podDir, name)), { recursive: true });
    writeFileSync(appTreeIdPath(podDir, name), tree.id);
    writeFileSync(appImageManifestPath(podDir, name), JSON.stringify(tree.manifest));
  });
  mkdirSync(overlay ? stage1RootfsDir(podDir) : dirname(stage1RootfsDir(podDir)), {
    recursive: true,
  });
  writeFileSync(stage1ManifestPath(podDir), JSON.stringify(stage1.manifest));

  if (overlay) writeLayers(podDir, contents);
  else await copyTrees(podDir, contents, copyTree);
}

function writeLayers(podDir: string, { manifest, stage1, apps }: PodContents): void {
  makeOverlayDirs({ podDir, treeId: stage1.id, app: '', lower: stage1.rootfs });
  manifest.apps.forEach(({ name }, index) => {
    const tree = apps[index] as PodTree;
    makeOverlayDirs({ podDir, treeId: tree.id, app: name, lower: tree.rootfs });
  });
  writeFileSync(overlayPreparedPath(podDir), '');
}

async function copyTrees(
  podDir: string,
  { manifest, stage1, apps }: PodContents,
  copyTree: CopyTree,
): Promise<void> {
  await copyTree(stage1, stage1RootfsDir(podDir));
  for (const [index, { name }] of manifest.apps.entries()) {
    mkdirSync(appDir(podDir, name), { recursive: true });
    await copyTree(apps[index] as PodTree, appRootfsDir(podDir, name));
  }
}

/** Makes everything in a pod's directory survive a power loss: a prepared pod has been promised. */
export function syncPod(kernel: Kernel, podDir: string): void {
  const fd = openSync(podDir, 'r');
  try {
    kernel.syncFs(fd);
  } finally {
    closeSync(fd);
  }
}
