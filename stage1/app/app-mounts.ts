import { posix } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import type { ImageManifest } from '#schema/image/image-manifest';
import { VOLUMES_ANNOTATION } from '#schema/oci/annotations';
import type { App, EmptyVolume, RuntimeApp, Volume } from '#schema/pod/pod-manifest';
import { annotationValue } from '#schema/types/annotation-value';
import { emptyVolumeDir, implicitVolumeDir } from '../layout/pod-paths.ts';

/** A volume in its place in an app. */
export interface AppMount {
  /** The volume's name, or that of the mount point which nobody served. */
  readonly volume: string;
  readonly kind: Volume['kind'];
  /** Absolute, on the host. */
  readonly source: string;
  /** Absolute, inside the app. */
  readonly target: string;
  readonly readOnly: boolean;
  /** With everything mounted below the source. */
  readonly recursive: boolean;
  /** Whether mounts that the app makes below it appear on the host (`propagation=shared`, ours). */
  readonly shared: boolean;
  /** An empty volume's folder, to be made unless it is there. */
  readonly create?: Pick<EmptyVolume, 'mode' | 'uid' | 'gid'> | undefined;
}

export interface AppMountsRequest {
  readonly podDir: string;
  readonly app: RuntimeApp;
  /** What counts as the app's description: the pod manifest's, else the image's. */
  readonly description: App;
  readonly volumes: readonly Volume[];
  /** Of its image, what `imageVolumesOf` gives. */
  readonly imageVolumes: readonly string[];
  /** What an absent `recursive` means: true by the specification, false under fly. */
  readonly recursiveByDefault: boolean;
}

export interface AppMounts {
  /** In the order in which they must be made: outer ones first, an inner one is mounted on them. */
  readonly mounts: readonly AppMount[];
  /** Mount points that no volume was given for, each served by an empty one: to be warned about. */
  readonly implicit: readonly string[];
  /**
   * Volumes of the image that nothing else is mounted on, or above: to be made mounts of
   * their own, of what the image has there, which stay writable where the root does not.
   */
  readonly kept: readonly string[];
}

/**
 * Which volumes an app sees where: its explicit mounts, then the mount points
 * of its image that have none, by the volume of the same name, or by an empty
 * one of their own.
 * @throws GantryError MOUNT_DANGLING when a mount names a volume that the pod does not have
 */
export function resolveAppMounts(request: AppMountsRequest): AppMounts {
  const { podDir, app, description, volumes } = request;
  const byName = new Map<string, Volume>(volumes.map((volume) => [volume.name, volume]));
  const points = description.mountPoints ?? [];
  const mounts: AppMount[] = [];
  const implicit: string[] = [];

  for (const { volume: name, path, appVolume } of app.mounts ?? []) {
    const volume = appVolume ?? byName.get(name);
    if (volume === undefined) throw dangling(app, name, path);
    const point = points.find((each) => each.path === path);
    mounts.push(placed(request, { volume, target: path, pointReadOnly: point?.readOnly }));
  }

  for (const { name, path, readOnly } of points) {
    if (mounts.some(({ target }) => mountPlace(target) === mountPlace(path))) continue;
    const volume = byName.get(name);
    if (volume !== undefined) {
      mounts.push(placed(request, { volume, target: path, pointReadOnly: readOnly }));
      continue;
    }
    implicit.push(name);
    mounts.push({
      ...PLAIN,
      volume: name,
      source: implicitVolumeDir(podDir, app.name, name),
      target: path,
      readOnly: readOnly ?? false,
    });
  }

  return {
    mounts: mounts.toSorted((one, other) => depthOf(one.target) - depthOf(other.target)),
    implicit,
    kept: keptVolumes(request.imageVolumes, mounts),
  };
}

/** A target as others can be compared with it: `/a`, whether it is written `/a/` or `//a/.`. */
export const mountPlace = (target: string): string => posix.resolve('/', target);

const depthOf = (target: string): number => mountPlace(target).split('/').filter(Boolean).length;

/** Outer ones first: an inner one is mounted on them. */
const keptVolumes = (paths: readonly string[], mounts: readonly AppMount[]): readonly string[] =>
  paths
    .filter((path) => !mounts.some(({ target }) => isAtOrBelow(path, target)))
    .toSorted((one, other) => one.length - other.length);

const isAtOrBelow = (path: string, target: string): boolean =>
  `${path}/`.startsWith(`${mountPlace(target).replace(/\/$/, '')}/`);

/** The volumes that the manifest of an image names; none of an ACI, which has mount points. */
export function imageVolumesOf({ annotations }: ImageManifest): readonly string[] {
  const text = annotationValue(annotations, VOLUMES_ANNOTATION);

  return text === undefined ? [] : (JSON.parse(text) as readonly string[]);
}

const PLAIN = { kind: 'empty', recursive: false, shared: false, create: {} } as const;

interface Placement {
  readonly volume: Volume;
  readonly target: string;
  readonly pointReadOnly: boolean | undefined;
}

/** What the volume says about being read-only counts before what the image's mount point says. */
function placed(request: AppMountsRequest, { volume, target, pointReadOnly }: Placement): AppMount {
  const readOnly = volume.readOnly ?? pointReadOnly ?? false;
  if (volume.kind === 'empty') {
    const { mode, uid, gid, name } = volume;
    const source = emptyVolumeDir(request.podDir, name);
    return { ...PLAIN, volume: name, source, target, readOnly, create: { mode, uid, gid } };
  }

  return {
    volume: volume.name,
    kind: 'host',
    source: volume.source,
    target,
    readOnly,
    recursive: volume.recursive ?? request.recursiveByDefault,
    shared: 'propagation' in volume && volume.propagation === 'shared',
  };
}

function dangling(app: RuntimeApp, volume: string, path: string): GantryError {
  return new GantryError(
    'MOUNT_DANGLING',
    `cannot mount volume "${volume}" on "${path}" of app "${app.name}": the pod has no such volume`,
    { hint: `add --volume ${volume},kind=…` },
  );
}
