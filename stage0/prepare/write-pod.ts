import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Kernel } from '#base/kernel/kernel';
import type { Acceptance } from '#image-store';
import type { ImageManifest } from '#schema/image/image-manifest';
import { formatPodManifest, type PodManifest } from '#schema/pod/pod-manifest';
import {
  appAcceptedPath,
  appDirIn,
  appImageManifestPath,
  appRootfsDir,
  appsInfoDir,
  appTreeIdPath,
  overlayPreparedPath,
  overlayUpperDir,
  podCreatedPath,
  podManifestPath,
  stage1Dir,
  stage1ManifestPath,
  stage1RootfsDir,
  stage1TreeIdPath,
} from '#stage1';
import { writePodFormat } from '../pod/pod-format.ts';
import { makeDir, makeOverlayDirs } from './overlay.ts';

/** A rendered tree as far as a pod is concerned. */
export interface PodTree {
  readonly id: string;
  readonly rootfs: string;
  readonly manifest: ImageManifest;
  /** How its image was accepted. */
  readonly accepted: Acceptance;
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
  const { manifest, stage1 } = contents;
  writePodFormat(podDir);
  writeFileSync(podCreatedPath(podDir), '');
  writeFileSync(podManifestPath(podDir), formatPodManifest(manifest));
  // Open to the group that lists pods, whatever the caller's umask.
  chmodSync(podManifestPath(podDir), POD_MANIFEST_MODE);

  writeFileSync(stage1TreeIdPath(podDir), stage1.id);
  makeDir(stage1Dir(podDir));
  writeFileSync(stage1ManifestPath(podDir), JSON.stringify(stage1.manifest));
  makeDir(appsInfoDir(podDir));
  for (const { name, tree } of appsOf(contents)) {
    makeDir(dirname(appTreeIdPath(podDir, name)));
    writeFileSync(appTreeIdPath(podDir, name), tree.id);
    writeFileSync(appImageManifestPath(podDir, name), JSON.stringify(tree.manifest));
    writeFileSync(appAcceptedPath(podDir, name), JSON.stringify(tree.accepted));
  }

  if (contents.overlay) writeLayers(podDir, contents);
  else await copyTrees(podDir, contents, copyTree);
}

interface AppTree {
  readonly name: string;
  readonly tree: PodTree;
}

function appsOf({ manifest, apps }: PodContents): readonly AppTree[] {
  return manifest.apps.map(({ name }, index) => {
    const tree = apps[index];
    if (tree === undefined) throw new Error(`no tree for app ${name}`);
    return { name, tree };
  });
}

function writeLayers(podDir: string, contents: PodContents): void {
  const { stage1 } = contents;
  makeDir(stage1RootfsDir(podDir));
  makeOverlayDirs({ podDir, treeId: stage1.id, app: '', lowers: [stage1.rootfs] });
  for (const app of appsOf(contents)) {
    makeOverlayDirs({ podDir, treeId: app.tree.id, app: app.name, lowers: [app.tree.rootfs] });
    // Into the layer, before it is mounted: on an overlay it takes longer.
    const dir = writeAppDir(overlayUpperDir(podDir, stage1.id), app);
    makeDir(join(dir, 'rootfs'));
  }
  writeFileSync(overlayPreparedPath(podDir), '');
}

async function copyTrees(podDir: string, contents: PodContents, copyTree: CopyTree): Promise<void> {
  await copyTree(contents.stage1, stage1RootfsDir(podDir));
  for (const app of appsOf(contents)) {
    writeAppDir(stage1RootfsDir(podDir), app);
    await copyTree(app.tree, appRootfsDir(podDir, app.name));
  }
}

/** What lies beside an app's root in stage1. @returns the folder of both */
function writeAppDir(stage1Root: string, { name, tree }: AppTree): string {
  const dir = appDirIn(stage1Root, name);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'manifest'), JSON.stringify(tree.manifest));

  return dir;
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
