import { lstatSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { resolveInside } from '#base/fs/inside';
import { remembering } from '#base/decode/remembering';
import { readPlainFile } from '#base/fs/plain-file';
import { readSmallFile } from '#base/fs/small-file';
import { parseImageManifest } from '#schema/image/image-manifest';
import { type PodManifest, parsePodManifest } from '#schema/pod/pod-manifest';
import { labelValue } from '#schema/types/labels';
import {
  type AppExit,
  appExitPath,
  appImageManifestPath,
  appRestartsPath,
  appsInfoDir,
  appStartedPath,
  appStatusPath,
  appTreeIdPath,
  overlayPreparedPath,
  overlayUpperDir,
  parseAppExit,
  pidPath,
  podCreatedPath,
  podManifestPath,
  ppidPath,
  stage1ManifestPath,
  stage1RootfsDir,
  stage1TreeIdPath,
} from '#stage1';
import { type Flavor, readFlavor } from '../stage1/flavor.ts';
import { demandPodFormat } from './pod-format.ts';

const podManifestIn = remembering(parsePodManifest);
const flavorIn = remembering((text) => readFlavor(parseImageManifest(text)));
const imageNameIn = remembering((text) => {
  const { name, labels = [] } = parseImageManifest(text);
  const version = labelValue(labels, 'version');

  return version === undefined ? name : `${name}:${version}`;
});

/** The manifest of a pod. @throws GantryError POD_TOO_NEW, POD_UNREADABLE, POD_MANIFEST_INVALID */
export function readPodManifest(podDir: string): PodManifest {
  demandPodFormat(podDir);
  return manifestOf(podDir);
}

function manifestOf(podDir: string): PodManifest {
  const text = readText(podManifestPath(podDir));
  if (text !== undefined) return podManifestIn(text);

  throw unreadable(podDir, 'it has no manifest');
}

/** What stage 0 knows of the stage1 of a pod. @throws GantryError POD_TOO_NEW, POD_UNREADABLE, IMAGE_MANIFEST_INVALID */
export function readPodFlavor(podDir: string): Flavor {
  demandPodFormat(podDir);
  return flavorOf(podDir);
}

function flavorOf(podDir: string): Flavor {
  const text = readText(stage1ManifestPath(podDir));
  if (text !== undefined) return flavorIn(text);

  throw unreadable(podDir, 'it has no stage1 manifest');
}

/** What a pod's two manifests say, each undefined when it cannot be read. */
export interface PodManifests {
  readonly manifest: PodManifest | undefined;
  readonly flavor: Flavor | undefined;
}

/**
 * Both manifests of a pod, as far as they can be read; of a pod that a newer
 * gantry made neither is.
 * @param attempt does something that may fail, and keeps the error
 */
export function readPodManifests(
  podDir: string,
  attempt: <Part>(read: () => Part) => Part | undefined,
): PodManifests {
  const isKnown = attempt(() => {
    demandPodFormat(podDir);
    return true;
  });
  if (isKnown === undefined) return NO_MANIFESTS;

  return {
    manifest: attempt(() => manifestOf(podDir)),
    flavor: attempt(() => flavorOf(podDir)),
  };
}

/** Of a pod that is not made yet, or of another format. */
export const NO_MANIFESTS: PodManifests = { manifest: undefined, flavor: undefined };

/** The ids of the trees that a pod lies over: of stage1, and of every app by name. */
export interface PodTreeIds {
  readonly stage1: string | undefined;
  readonly apps: ReadonlyMap<string, string>;
}

/** Where the ids of the trees lie: of stage1, then of every app. */
export function treeIdPaths(podDir: string): readonly string[] {
  const apps = namesIn(appsInfoDir(podDir)).map((app) => appTreeIdPath(podDir, app));

  return [stage1TreeIdPath(podDir), ...apps];
}

/** @throws GantryError POD_UNREADABLE */
export function readPodTreeIds(podDir: string): PodTreeIds {
  const apps = new Map<string, string>();
  for (const app of namesIn(appsInfoDir(podDir))) {
    const id = readTreeId(appTreeIdPath(podDir, app));
    if (id !== undefined) apps.set(app, id);
  }

  return { stage1: readTreeId(stage1TreeIdPath(podDir)), apps };
}

/** Ids become parts of paths. */
function readTreeId(path: string): string | undefined {
  const text = readText(path);
  if (text === undefined || /^deps-sha(?:512|256)-[0-9a-f]{64}$/.test(text)) return text;

  throw new GantryError('POD_UNREADABLE', `cannot read "${path}": it holds no id of a tree`);
}

/** Name of the image that an app comes from, with its version; undefined when its manifest cannot be read. */
export function readAppImageName(podDir: string, app: string): string | undefined {
  try {
    const text = readText(appImageManifestPath(podDir, app));
    return text === undefined ? undefined : imageNameIn(text);
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
  const treeId = readTreeId(stage1TreeIdPath(podDir));
  const overlay = statSync(overlayPreparedPath(podDir), { throwIfNoEntry: false }) !== undefined;

  return overlay && treeId !== undefined
    ? overlayUpperDir(podDir, treeId)
    : stage1RootfsDir(podDir);
}

/**
 * Where a path in stage1's root file system can be read from outside the pod.
 * Its folder stays in there whatever apps have made of it; what lies at its end
 * may be anything.
 */
export function stage1Outside(podDir: string, path: string): string {
  return outsideOf(podDir, stage1StateDir(podDir), path);
}

function outsideOf(podDir: string, stateDir: string, path: string): string {
  const inside = path.slice(stage1RootfsDir(podDir).length);

  return join(resolveInside(stateDir, dirname(inside)), basename(inside));
}

/** What stage1 wrote down of an app. */
export interface AppRecord {
  /** When it was last started; undefined when it never was, or that was not noted. Milliseconds since 1970, as all times. */
  readonly startedAt: number | undefined;
  /** How it ended; of an older stage1, or one made elsewhere, only the code is known. */
  readonly exit: Partial<AppExit> | undefined;
  /** How often it was started again. */
  readonly restarts: number;
}

/** Where they all lie in stage1's root file system. */
const RECORDS = 'rkt';
/** More than any of these records takes. */
const RECORD_BYTES = 4096;

const NO_RECORD: AppRecord = { startedAt: undefined, exit: undefined, restarts: 0 };

/**
 * Reads what stage1 wrote down of an app.
 * @param stateDir as of `stage1StateDir`, which is the same for all apps
 * @throws GantryError APP_EXIT_INVALID, RECORD_TOO_NEW, FILE_UNREADABLE
 */
export function readAppRecord(podDir: string, stateDir: string, app: string): AppRecord {
  // Some flavors write nothing down.
  if (modifiedAt(join(stateDir, RECORDS)) === undefined) return NO_RECORD;

  const outside = (path: string): string => outsideOf(podDir, stateDir, path);
  const read = (path: string): string | undefined => readSmallFile(path, RECORD_BYTES);
  const exit = read(outside(appExitPath(podDir, app)));
  const restarts = Number.parseInt(read(outside(appRestartsPath(podDir, app))) ?? '', 10);

  return {
    startedAt: modifiedAt(outside(appStartedPath(podDir, app))),
    // Empty in the moment that it is written.
    exit:
      exit === undefined || exit === ''
        ? exitOf(outside(appStatusPath(podDir, app)))
        : parseAppExit(exit),
    restarts: Number.isNaN(restarts) ? 0 : restarts,
  };
}

/** What the file with an exit code tells. */
function exitOf(path: string): Partial<AppExit> | undefined {
  const text = readSmallFile(path, RECORD_BYTES)?.trim() ?? '';
  if (!/^\d{1,3}$/.test(text)) return undefined;

  const finishedAt = modifiedAt(path);
  return { code: Number(text), ...(finishedAt === undefined ? {} : { finishedAt }) };
}

/**
 * The text of a small file, undefined when it is not there.
 * @throws GantryError POD_UNREADABLE when something else is, and what open(2) says of permission
 */
export function readText(path: string): string | undefined {
  return readPlainFile(path, { code: 'POD_UNREADABLE' });
}

function modifiedAt(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}

function unreadable(podDir: string, state: string): GantryError {
  return new GantryError('POD_UNREADABLE', `cannot read pod in "${podDir}": ${state}`);
}
