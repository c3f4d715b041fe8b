import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { IsolatorValues } from '#schema/isolators/isolators-of';
import { OCI_ANNOTATION, STOP_SIGNAL_ANNOTATION } from '#schema/oci/annotations';
import type { App, PodManifest, RuntimeApp } from '#schema/pod/pod-manifest';
import { annotationValue } from '#schema/types/annotation-value';
import {
  appImageManifestPath,
  appRootfsDir,
  imageVolumesOf,
  OWN_GROUPS_ANNOTATION,
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
  readonly isolators: IsolatorValues;
  /** What of the isolators has no meaning, for the user. */
  readonly warnings: readonly string[];
  /** Whether the image was converted from a Docker image. */
  readonly fromDocker: boolean;
  /** Whether it is an OCI image. */
  readonly fromOci: boolean;
  /** Paths of the volumes that its image has. */
  readonly imageVolumes: readonly string[];
  /** Whether the app has the groups of its user. */
  readonly ownGroups: boolean;
  /** The signal that stops it, `SIG…`; SIGTERM when undefined. */
  readonly stopSignal: string | undefined;
}

/** What of the isolators makes a difference in this flavor. */
const APPLIED_ISOLATORS: ReadonlySet<keyof IsolatorValues> = new Set([
  'capabilities',
  'noNewPrivileges',
  'seccomp',
]);

const DOCKER_ANNOTATION = 'appc.io/docker/repository';

/**
 * Reads what stage 0 prepared. The documents lie in the pod's own directory,
 * where stage 0 put them after checking them; they are not checked again.
 * @throws GantryError POD_WITHOUT_APPS, APP_NOT_DESCRIBED
 */
export async function loadPod(podDir: string): Promise<LoadedPod> {
  const manifest = readDocument(podManifestPath(podDir)) as PodManifest;
  if (manifest.apps.length === 0) {
    throw new GantryError('POD_WITHOUT_APPS', 'cannot run the pod: it has no apps');
  }
  const apps: LoadedApp[] = [];
  for (const app of manifest.apps) apps.push(await loadApp(podDir, app));

  return { dir: podDir, manifest, apps };
}

async function loadApp(podDir: string, runtime: RuntimeApp): Promise<LoadedApp> {
  const { name } = runtime;
  const image = readDocument(appImageManifestPath(podDir, name)) as ImageManifest;
  const description = runtime.app ?? image.app;
  if (description === undefined) {
    throw new GantryError(
      'APP_NOT_DESCRIBED',
      `cannot run app "${name}": neither its image nor the pod manifest says how`,
      { hint: 'name a program with --exec' },
    );
  }
  const { values, warnings } = await readIsolators(description);

  return {
    runtime,
    description,
    imageName: runtime.image.name ?? image.name,
    root: appRootfsDir(podDir, name),
    notifies: supportsNotify(runtime, image),
    isolators: values,
    warnings,
    fromDocker: annotationValue(image.annotations, DOCKER_ANNOTATION) !== undefined,
    imageVolumes: imageVolumesOf(image),
    fromOci: annotationValue(image.annotations, OCI_ANNOTATION) !== undefined,
    ownGroups: annotationValue(runtime.annotations, OWN_GROUPS_ANNOTATION) === 'true',
    stopSignal: annotationValue(image.annotations, STOP_SIGNAL_ANNOTATION),
  };
}

/** What reads isolators takes longer to load than all else here; most apps have none. */
async function readIsolators(
  description: App,
): Promise<{ readonly values: IsolatorValues; readonly warnings: readonly string[] }> {
  if ((description.isolators ?? []).length === 0) return { values: {}, warnings: [] };

  const { isolatorsOf } = await import('#schema/isolators/isolators-of');
  const { isolatorRule } = await import('#schema/isolators/rules');
  const { values, warnings } = isolatorsOf(description);
  const leftOut = (description.isolators ?? []).filter(({ name }) => {
    const field = isolatorRule(name)?.field;
    return field !== undefined && !APPLIED_ISOLATORS.has(field);
  });

  return {
    values,
    warnings: [
      ...warnings,
      ...leftOut.map(({ name }) => `isolator "${name}" is ignored: it is not supported yet`),
    ],
  };
}

function readDocument(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
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
