import { readdirSync, readFileSync, statSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { parseImageManifest } from '#schema/image/image-manifest';
import { type PodManifest, parsePodManifest } from '#schema/pod/pod-manifest';
import { labelValue } from '#schema/types/labels';
import {
  appImageManifestPath,
  appsInfoDir,
  appStatusPath,
  appTreeIdPath,
  overlayPreparedPath,
  overlayUpperDir,
  pidPath,
  podCreatedPath,
  podManifestPath,
  ppidPath,
  stage1ManifestPath,
  stage1RootfsDir,
  stage1TreeIdPath,
} from '#stage1';
import { type Flavor, readFlavor } from '../stage1/flavor.ts';

/** The manifest of a pod. @throws GantryError POD_UNREADABLE, POD_MANIFEST_INVALID */
export function readPodManifest(podDir: string): PodManifest {
  const text = readText(podManifestPath(podDir));
  if (text !== undefined) return parsePodManifest(text);

  throw unreadable(podDir, 'it has no manifest');
}

/** What stage 0 knows of the stage1 of a pod. @throws GantryError POD_UNREADABLE, IMAGE_MANIFEST_INVALID */
export function readPodFlavor(podDir: string): Flavor {
  const text = readText(stage1ManifestPath(podDir));
  if (text !== undefined) return readFlavor(parseImageManifest(text));

  throw unreadable(podDir, 'it has no stage1 manifest');
}

/** The ids of the trees that a pod lies over: of stage1, and of every app by name. */
export interface PodTreeIds {
  readonly stage1: string | undefined;
  readonly apps: ReadonlyMap<string, string>;
}

export function readPodTreeIds(podDir: string): PodTreeIds {
  const apps = new Map<string, string>();
  for (const app of namesIn(appsInfoDir(podDir))) {
    const id = readText(appTreeIdPath(podDir, app));
    if (id !== undefined) apps.set(app, id);
  }

  return { stage1: readText(stage1TreeIdPath(podDir)), apps };
}

/** Name of the image that an app comes from, with its version; undefined when its manifest cannot be read. */
export function readAppImageName(podDir: string, app: string): string | undefined {
  try {
    const text = readText(appImageManifestPath(podDir, app));
    if (text === undefined) return undefined;
    const { name, labels = [] } = parseImageManifest(text);
    const version = labelValue(labels, 'version');
    return version === undefined ? name : `${name}:${version}`;
  } catch {
    return undefined;
  }
}

/** When the pod was made, milliseconds since 1970. */
export const readCreatedAt = (podDir: string): number | undefined =>
  modifiedAt(podCreatedPath(podDir));

/** When the pod's first process was there. */
export const readStartedAt = (podDir: string): number | undefined =>
  modifiedAt(pidPath(podDir)) ?? modifiedAt(ppidPath(podDir));

/**
 * Where stage1's root file system can be read from outside the pod: what was
 * written there lies in the overlay's upper layer, which nobody else has mounted.
 */
export function stage1StateDir(podDir: string): string {
  const treeId = readText(stage1TreeIdPath(podDir));
  const overlay = statSync(overlayPreparedPath(podDir), { throwIfNoEntry: false }) !== undefined;

  return overlay && treeId !== undefined
    ? overlayUpperDir(podDir, treeId)
    : stage1RootfsDir(podDir);
}

/** The exit code that stage1 wrote for an app; undefined when it wrote none. */
export function readExitCode(podDir: string, app: string): number | undefined {
  const text = readText(statusPathOutside(podDir, app))?.trim() ?? '';

  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

/** When an app ended, milliseconds since 1970: the time at which its exit code was written. */
export const readFinishedAt = (podDir: string, app: string): number | undefined =>
  modifiedAt(statusPathOutside(podDir, app));

function statusPathOutside(podDir: string, app: string): string {
  return appStatusPath(podDir, app).replace(stage1RootfsDir(podDir), stage1StateDir(podDir));
}

/** The text of a small file, undefined when it is not there. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

function modifiedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function unreadable(podDir: string, state: string): GantryError {
  return new GantryError('POD_UNREADABLE', `cannot read pod in "${podDir}": ${state}`);
}
