import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import {
  type App,
  type PodManifest,
  parsePodManifest,
  type RuntimeApp,
} from '#schema/pod/pod-manifest';
import { annotationValue } from '#schema/types/name-values';
import {
  appImageManifestPath,
  appRootfsDir,
  podManifestPath,
  type RunArguments,
  SUPPORTS_NOTIFY_ANNOTATION,
} from '#stage1';

/** A pod as stage 0 prepared it. */
export interface LoadedPod {
  readonly dir: string;
  readonly manifest: PodManifest;
  readonly apps: readonly LoadedApp[];
}

export interface LoadedApp {
  readonly runtime: RuntimeApp;
  /** How the app runs: the pod manifest's description, else its image's. */
  readonly description: App;
  readonly imageName: string;
  /** Its root file system, as the pod's mount namespace has it. */
  readonly root: string;
  readonly notifies: boolean;
  /** Whether the image was converted from a Docker image. */
  readonly fromDocker: boolean;
}

const DOCKER_ANNOTATION = 'appc.io/docker/repository';

/**
 * Reads what stage 0 prepared.
 * @throws GantryError POD_MANIFEST_INVALID, IMAGE_MANIFEST_INVALID, POD_WITHOUT_APPS, APP_NOT_DESCRIBED
 */
export function loadPod(podDir: string): LoadedPod {
  const manifest = parsePodManifest(readFileSync(podManifestPath(podDir), 'utf8'));
  if (manifest.apps.length === 0) {
    throw new GantryError('POD_WITHOUT_APPS', 'cannot run the pod: it has no apps');
  }

  return { dir: podDir, manifest, apps: manifest.apps.map((app) => loadApp(podDir, app)) };
}

function loadApp(podDir: string, runtime: RuntimeApp): LoadedApp {
  const { name } = runtime;
  const image = parseImageManifest(readFileSync(appImageManifestPath(podDir, name), 'utf8'));
  const description = runtime.app ?? image.app;
  if (description === undefined) {
    throw new GantryError(
      'APP_NOT_DESCRIBED',
      `cannot run app "${name}": neither its image nor the pod manifest says how`,
      { hint: 'name a program with --exec' },
    );
  }

  return {
    runtime,
    description,
    imageName: runtime.image.name ?? image.name,
    root: appRootfsDir(podDir, name),
    notifies: supportsNotify(runtime, image),
    fromDocker: annotationValue(image.annotations, DOCKER_ANNOTATION) !== undefined,
  };
}

/** The pod manifest's word counts before the image's. */
function supportsNotify(runtime: RuntimeApp, image: ImageManifest): boolean {
  const said =
    annotationValue(runtime.annotations, SUPPORTS_NOTIFY_ANNOTATION) ??
    annotationValue(image.annotations, SUPPORTS_NOTIFY_ANNOTATION);

  return said === 'true';
}

/**
 * Refuses what this flavor does not do, before anything is changed.
 * @throws GantryError NSPAWN_UNSUPPORTED, NSPAWN_INTERACTIVE_ONE_APP
 */
export function refuseUnsupported({ apps }: LoadedPod, args: RunArguments): void {
  const unsupported = [
    ...(['', 'none', 'host'].includes(args.net) ? [] : [`--net=${args.net}`]),
    ...(args.mutable ? ['--mutable'] : []),
    ...(args.privateUsers === undefined ? [] : ['--private-users']),
    ...(args.mdsToken === undefined ? [] : ['--mds-token']),
  ];
  if (unsupported.length > 0) {
    throw new GantryError(
      'NSPAWN_UNSUPPORTED',
      `cannot run the pod: nspawn does not do ${unsupported.join(', ')} yet`,
    );
  }
  if (args.interactive && apps.length > 1) {
    throw new GantryError(
      'NSPAWN_INTERACTIVE_ONE_APP',
      `cannot run ${apps.length} apps interactively: they would share one terminal`,
      { hint: 'leave out --interactive, or make a pod of each app' },
    );
  }
}
