import { existsSync } from 'node:fs';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import type { PodManifest } from '#schema/pod/pod-manifest';
import type { PodUuid } from '#schema/types/pod-uuid';
import {
  appAcceptedPath,
  appRootfsDir,
  cgroupDir,
  netnsPath,
  overlayPreparedPath,
  overlayUpperDir,
  type PodCgroup,
  podProcesses,
  readPodCgroups,
  releasedPath,
} from '#stage1';
import { demandPodState } from '../pod/look-at-pod.ts';
import type { PodState } from '../pod/pod-state.ts';
import { readMovingPod } from '../pod/read-moving-pod.ts';
import {
  NO_MANIFESTS,
  type PodTreeIds,
  readPodManifests,
  readPodTreeIds,
  readText,
} from '../pod/read-pod.ts';
import type { Flavor } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import { attemptTo, describePod } from './describe-pod.ts';
import type { PodStatus } from './outcomes.ts';

/** Everything that is known of one pod. What is missing or broken is undefined, and told in `problems`. */
export interface PodDetails {
  readonly uuid: PodUuid;
  readonly state: PodState['name'];
  /** The pod's directory. */
  readonly dir: string;
  readonly status: PodStatus;
  readonly flavor: Flavor | undefined;
  readonly manifest: PodManifest | undefined;
  readonly trees: PodTreeIds | undefined;
  /** How the image of each app was accepted when the pod was made. */
  readonly accepted: ReadonlyMap<string, object | undefined>;
  /** Whether trees are overlaid, not copied. */
  readonly overlay: boolean;
  /** Where what an app sees as its root, or wrote to it, lies on the host; by its name. */
  readonly appDirs: ReadonlyMap<string, string>;
  readonly cgroups: readonly (PodCgroup & { readonly dir: string | undefined })[];
  /** Numbers as the host counts. */
  readonly processes: readonly number[];
  /** Path of the pinned network namespace, as long as it is there. */
  readonly netns: string | undefined;
  /** Whether everything that the pod held outside its namespaces has been given back. */
  readonly released: boolean;
  readonly problems: readonly string[];
}

/** Looks at one pod as closely as can be, one that is broken too. @throws GantryError POD_NOT_FOUND */
export function inspectPod({ kernel, dataDir }: OperationContext, uuid: PodUuid): PodDetails {
  const details = readMovingPod(kernel, { dataDir, uuid }, describeAll);

  return details ?? describeAll(demandPodState(kernel, dataDir, uuid));
}

function describeAll(state: PodState): PodDetails {
  const { uuid, dir } = state;
  const problems = new Set<string>();
  const attempt = <Part>(read: () => Part): Part | undefined => attemptTo(read, problems);
  const status = describePod(state);
  if (status.problem !== undefined) problems.add(status.problem);
  const isMade = state.isDirectory && state.phase !== 'embryo' && state.phase !== 'prepare';
  const { manifest, flavor } = isMade ? readPodManifests(dir, attempt) : NO_MANIFESTS;
  const trees = attempt(() => readPodTreeIds(dir));

  return {
    uuid,
    state: state.name,
    dir,
    status,
    flavor,
    manifest,
    trees,
    overlay: existsSync(overlayPreparedPath(dir)),
    appDirs: appDirs(dir, manifest, trees),
    cgroups: attempt(() => cgroupsOf(dir)) ?? [],
    processes: attempt(() => podProcesses(dir)) ?? [],
    accepted: new Map(
      status.apps.map(({ name }) => [name, attempt(() => readAppAcceptance(dir, name))]),
    ),
    netns: attempt(() => pinnedNetns(dir)),
    released: existsSync(releasedPath(dir)),
    problems: [...problems],
  };
}

/**
 * How the image of an app was accepted when the pod was made, as it was written
 * down: JSON of one object.
 * @returns undefined of a pod of an older gantry
 * @throws GantryError POD_UNREADABLE
 */
function readAppAcceptance(podDir: string, app: string): object | undefined {
  const text = readText(appAcceptedPath(podDir, app));
  if (text === undefined) return undefined;

  return decodeJson(v.looseObject({}), text, {
    what: `"accepted" of app "${app}"`,
    code: 'POD_UNREADABLE',
  });
}

/** The note of where it is stays with the pod; the namespace does not. */
function pinnedNetns(dir: string): string | undefined {
  const path = readText(netnsPath(dir))?.trim();

  return path !== undefined && existsSync(path) ? path : undefined;
}

function appDirs(
  dir: string,
  manifest: PodManifest | undefined,
  trees: PodTreeIds | undefined,
): ReadonlyMap<string, string> {
  const overlay = existsSync(overlayPreparedPath(dir));
  const found = new Map<string, string>();
  for (const { name } of manifest?.apps ?? []) {
    const tree = trees?.apps.get(name);
    if (!overlay) found.set(name, appRootfsDir(dir, name));
    else if (tree !== undefined) found.set(name, overlayUpperDir(dir, tree, name));
  }

  return found;
}

function cgroupsOf(dir: string): PodDetails['cgroups'] {
  return readPodCgroups(dir).map((cgroup) => ({ ...cgroup, dir: cgroupDir(cgroup) }));
}
