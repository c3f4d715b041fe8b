import { existsSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MS } from '#base/kernel/kernel';
import { tryLockPath } from '#base/lock/directory-lock';
import { type ArchiveTarget, demandWritable, makeAci, openLayers } from '#image-store';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import type { PodUuid } from '#schema/types/pod-uuid';
import { appImageManifestPath, appRootfsDir, overlayPreparedPath, overlayUpperDir } from '#stage1';
import { demandPodState } from '../pod/look-at-pod.ts';
import { demandState, podBusy } from '../pod/pod-state.ts';
import { readPodManifest, readPodTreeIds } from '../pod/read-pod.ts';
import { enterPodMounts } from '../stage1/pod-mounts.ts';
import { chooseApp } from './choose-app.ts';
import type { OperationContext } from './context.ts';
import { openLibrary } from './library.ts';
import { demandTree } from './pod-stage1.ts';

export interface ExportRequest {
  readonly uuid: PodUuid;
  /** May be left out when the pod has one app. */
  readonly app?: string | undefined;
  readonly target: ArchiveTarget;
}

/**
 * Makes an image of what an app of a pod that has ended left behind. Nobody can
 * remove the pod meanwhile, and nothing of it is changed. A file appears
 * whole or not at all.
 * @throws GantryError POD_STATE, POD_BUSY, APP_NOT_FOUND, APP_AMBIGUOUS, TREE_GONE, TARGET_*, and as `makeAci`
 */
export async function exportPod(context: OperationContext, request: ExportRequest): Promise<void> {
  const { kernel, dataDir, log } = context;
  const { uuid, target } = request;
  demandWritable(target);
  const state = demandPodState(kernel, dataDir, uuid);
  demandState(state, 'export');

  using lock = tryLockPath(kernel, state.dir, 'shared');
  if (lock === undefined) throw podBusy(state, 'export');
  const app = chooseApp(state.dir, { ...request, action: 'export' });
  const manifest = exportedManifest(state.dir, app);
  using root = openRoot(context, state.dir, app);

  const parts = { rootfs: root.path, manifest, target, compression: 'gzip' } as const;
  const { leftOut } = await makeAci(context.exec, parts);
  for (const path of leftOut) log.warning(`left out, since no image can hold a socket: ${path}`);
}

/**
 * The manifest of the app's image, with the app as the pod ran it. What the
 * image depended on and left out is in the exported root already, or is not.
 */
function exportedManifest(podDir: string, app: string): ImageManifest {
  const text = readFileSync(appImageManifestPath(podDir, app), 'utf8');
  const {
    dependencies: _dependencies,
    pathWhitelist: _whitelist,
    ...manifest
  } = parseImageManifest(text);
  const described = readPodManifest(podDir).apps.find(({ name }) => name === app)?.app;

  return { ...manifest, ...(described === undefined ? {} : { app: described }) };
}

/** The root of an app that ended, to be looked at. */
interface OpenRoot extends Disposable {
  readonly path: string;
}

/** In a mount namespace of this process's own, where nothing has to be cleaned up when it dies. */
function openRoot(context: OperationContext, podDir: string, app: string): OpenRoot {
  if (!existsSync(overlayPreparedPath(podDir))) {
    return { path: appRootfsDir(podDir, app), [Symbol.dispose]: () => {} };
  }

  const { kernel } = context;
  using library = openLibrary(context);
  const id = readPodTreeIds(podDir).apps.get(app) ?? '';
  const tree = demandTree(library, id);
  const path = mkdtempSync(join(tmpdir(), 'gantry-export-'));
  enterPodMounts(kernel);
  // Without an upper directory it is read-only: the pod stays as it is.
  const lowers = [overlayUpperDir(podDir, id, app), ...library.store.trees.attach(tree)];
  using layers = openLayers(lowers);
  kernel.mount({
    source: 'overlay',
    target: path,
    fstype: 'overlay',
    flags: MS.RDONLY,
    data: `lowerdir=${layers.option}`,
  });

  return {
    path,
    [Symbol.dispose]() {
      kernel.unmount(path);
      rmdirSync(path);
    },
  };
}
