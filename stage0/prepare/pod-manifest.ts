import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { App, Mount, PodManifest, RuntimeApp } from '#schema/pod/pod-manifest';
import { ENTRYPOINT_ANNOTATION, GROUP_ANNOTATION, OCI_ANNOTATION } from '#schema/oci/annotations';
import { annotationValue } from '#schema/types/annotation-value';
import { isEnvironmentName } from '#schema/types/name-values';
import { type AcName, parseAcIdentifier, sanitizeAcName } from '#schema/types/names';
import {
  EXIT_POLICY_ANNOTATION,
  mergeEnvironment,
  OWN_GROUPS_ANNOTATION,
  RESTART_ANNOTATION,
  STDIO_ANNOTATIONS,
  mountPlace,
} from '#stage1';
import type { AppRequest, MountRequest, PrepareRequest } from '../operations/requests.ts';
import type { RequestedApp } from './app-image.ts';
import { exposePorts } from './expose-ports.ts';

/** The version of the appc specification that our documents follow. */
const AC_VERSION = '0.8.11';

/** What a pod manifest is made of. */
export interface ManifestSources {
  readonly request: PrepareRequest;
  /** In the order of the request. */
  readonly apps: readonly RequestedApp[];
  /** The caller's environment, for `--inherit-env`. */
  readonly callerEnv: Readonly<Record<string, string>>;
  /** What the `--set-env-file` files say. */
  readonly setEnvFile: Readonly<Record<string, string>>;
}

/** Builds the manifest of a pod from a command line; everything that flags change is in each app's own description. */
export function buildPodManifest(sources: ManifestSources): PodManifest {
  const { request, apps } = sources;
  const { runtimeApps, ports } = exposePorts(
    apps.map((app) => buildRuntimeApp(app, sources)),
    request.ports,
  );

  return {
    acKind: 'PodManifest',
    acVersion: AC_VERSION,
    apps: runtimeApps,
    ...(request.volumes.length > 0 ? { volumes: request.volumes } : {}),
    ...(ports.length > 0 ? { ports } : {}),
    ...(request.exitPolicy === undefined
      ? {}
      : {
          annotations: [
            { name: parseAcIdentifier(EXIT_POLICY_ANNOTATION), value: request.exitPolicy },
          ],
        }),
  };
}

function buildRuntimeApp({ request, image }: RequestedApp, sources: ManifestSources): RuntimeApp {
  const { manifest, key } = image;
  const said = {
    ...request.annotations,
    ...(request.restart === undefined ? {} : { [RESTART_ANNOTATION]: request.restart }),
    ...(hasOwnGroups(request, manifest) ? { [OWN_GROUPS_ANNOTATION]: 'true' } : {}),
    ...stdioAnnotations(request),
  };
  const annotations = Object.entries(said).map(([name, value]) => ({
    name: parseAcIdentifier(name),
    value,
  }));
  const mounts = buildMounts(request.mounts, sources.request.mounts);

  return {
    name: request.name ?? defaultAppName(manifest),
    image: { id: key, name: manifest.name, labels: manifest.labels },
    app: buildApp(request, manifest, sources),
    ...(request.readOnlyRootfs === undefined ? {} : { readOnlyRootFS: request.readOnlyRootfs }),
    ...(mounts.length > 0 ? { mounts } : {}),
    ...(annotations.length > 0 ? { annotations } : {}),
  };
}

function stdioAnnotations({ stdio }: AppRequest): Readonly<Record<string, string>> {
  const said = (['stdin', 'stdout', 'stderr'] as const).flatMap((stream) => {
    const mode = stdio[stream];
    return mode === undefined ? [] : [[STDIO_ANNOTATIONS[stream], mode] as const];
  });

  return Object.fromEntries(said);
}

/** The last part of the image's name, as rkt has it. */
function defaultAppName({ name }: ImageManifest): AcName {
  return sanitizeAcName(name.split('/').at(-1) ?? name);
}

/** Of an OCI image: neither it nor a flag names a group, or a flag names another user. */
function hasOwnGroups({ user, group }: AppRequest, { annotations }: ImageManifest): boolean {
  if (annotationValue(annotations, OCI_ANNOTATION) === undefined || group !== undefined) {
    return false;
  }

  return user !== undefined || annotationValue(annotations, GROUP_ANNOTATION) === 'own';
}

/**
 * What is executed. Arguments follow what an ACI says, but take the place of the
 * CMD of an OCI image; `--exec` takes the place of all.
 */
function buildExec(
  { exec, args }: AppRequest,
  image: App,
  { annotations }: ImageManifest,
): readonly string[] {
  if (exec !== undefined) return [exec, ...args];

  const said = image.exec ?? [];
  const entrypoint = entrypointOf(annotations);
  return entrypoint === undefined || args.length === 0
    ? [...said, ...args]
    : [...entrypoint, ...args];
}

/** Undefined for an ACI. */
function entrypointOf(annotations: ImageManifest['annotations']): readonly string[] | undefined {
  const text = annotationValue(annotations, ENTRYPOINT_ANNOTATION);
  if (text === undefined) return undefined;

  return decodeJson(v.array(v.string()), text, {
    what: `annotation "${ENTRYPOINT_ANNOTATION}"`,
    code: 'IMAGE_MANIFEST_INVALID',
  });
}

function buildApp(request: AppRequest, manifest: ImageManifest, sources: ManifestSources): App {
  const image = manifest.app ?? describeApp(request, manifest);
  const environment = mergeEnvironment({
    parent: sources.request.inheritEnv ? inheritable(sources.callerEnv) : {},
    image: image.environment ?? [],
    setEnvFile: sources.setEnvFile,
    setEnv: sources.request.setEnv,
    app: request.environment,
  });

  return {
    ...image,
    exec: buildExec(request, image, manifest),
    user: request.user ?? image.user,
    group: request.group ?? image.group,
    ...(environment.length > 0 ? { environment } : {}),
    ...defined('workingDirectory', request.workingDir),
    ...defined('supplementaryGIDs', request.supplementaryGids),
    ...merged('userAnnotations', image.userAnnotations, request.userAnnotations),
    ...merged('userLabels', image.userLabels, request.userLabels),
  };
}

/** An image that does not say how it runs can be told so by `--exec`, as root. */
function describeApp(request: AppRequest, manifest: ImageManifest): App {
  if (request.exec !== undefined) return { user: '0', group: '0' };

  throw new GantryError(
    'APP_NOT_DESCRIBED',
    `cannot run image "${manifest.name}": it does not say what to execute`,
    { hint: 'name a program with --exec' },
  );
}

/** Global mounts give way to the app's own on the same path. */
function buildMounts(
  own: readonly MountRequest[],
  global: readonly MountRequest[],
): readonly Mount[] {
  const taken = new Set(own.map(({ target }) => mountPlace(target)));
  const all = [...own, ...global.filter(({ target }) => !taken.has(mountPlace(target)))];

  return all.map(({ volume, target }) => ({ volume, path: target }));
}

/** What of the caller's environment a manifest can hold. */
function inheritable(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => isEnvironmentName(name)));
}

function defined<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [Key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]: Value });
}

function merged<Name extends string>(
  name: Name,
  image: Readonly<Record<string, string>> | undefined,
  flags: Readonly<Record<string, string>>,
): { readonly [Key in Name]?: Readonly<Record<string, string>> } {
  const all = { ...image, ...flags };

  return defined(name, Object.keys(all).length > 0 ? all : undefined);
}
