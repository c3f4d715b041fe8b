import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import type { ImageManifest } from '#schema/image/image-manifest';
import { OCI_ANNOTATION } from '#schema/oci/annotations';
import type { App, PodManifest, RuntimeApp } from '#schema/pod/pod-manifest';
import { annotationValue } from '#schema/types/annotation-value';
import {
  appImageManifestPath,
  appRootfsDir,
  imageVolumesOf,
  OWN_GROUPS_ANNOTATION,
  podManifestPath,
} from '#stage1';

/** The pod that fly runs: one app. */
export interface FlyPod {
  readonly dir: string;
  readonly manifest: PodManifest;
  readonly app: RuntimeApp;
  /** How the app runs: the pod manifest's description, else its image's. */
  readonly description: App;
  /** Its root file system, as the pod's mount namespace has it. */
  readonly root: string;
  /** Whether the image was converted from a Docker image. */
  readonly fromDocker: boolean;
  /** Whether it is an OCI image. */
  readonly fromOci: boolean;
  /** Paths of the volumes that its image has. */
  readonly imageVolumes: readonly string[];
  /** Whether the app has the groups of its user. */
  readonly ownGroups: boolean;
}

const DOCKER_ANNOTATION = 'appc.io/docker/repository';

/**
 * Reads what stage 0 prepared. The documents lie in the pod's own directory,
 * where stage 0 put them after checking them; checking them again would take
 * as long as all else that fly does.
 * @throws GantryError FLY_ONE_APP, APP_NOT_DESCRIBED
 */
export function loadPod(podDir: string): FlyPod {
  const manifest = readDocument(podManifestPath(podDir)) as PodManifest;
  const [app, ...others] = manifest.apps;
  if (app === undefined || others.length > 0) {
    throw new GantryError('FLY_ONE_APP', `cannot run ${manifest.apps.length} apps: fly runs one`, {
      hint: 'make a pod of each, or choose another flavor with --stage1-name=nspawn',
    });
  }

  const image = readDocument(appImageManifestPath(podDir, app.name)) as ImageManifest;
  const description = app.app ?? image.app;
  if (description === undefined) {
    throw new GantryError(
      'APP_NOT_DESCRIBED',
      `cannot run app "${app.name}": neither its image nor the pod manifest says how`,
      { hint: 'name a program with --exec' },
    );
  }

  return {
    dir: podDir,
    manifest,
    app,
    description,
    root: appRootfsDir(podDir, app.name),
    fromDocker: annotationValue(image.annotations, DOCKER_ANNOTATION) !== undefined,
    imageVolumes: imageVolumesOf(image),
    fromOci: annotationValue(image.annotations, OCI_ANNOTATION) !== undefined,
    ownGroups: annotationValue(app.annotations, OWN_GROUPS_ANNOTATION) === 'true',
  };
}

function readDocument(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
