import { parseImageId } from '#schema/types/image-hash';
import type { RuntimeApp } from '#schema/pod/pod-manifest';
import type { PodUuid } from '#schema/types/pod-uuid';
import { readNetInfo, readPodName } from '#stage1';
import { demandPodState, findPodInFile, findPodUuid, listPodUuids } from '../pod/find-pod.ts';
import { hasLabels, type PodFilter } from '../pod/pod-filter.ts';
import { podPid } from '../pod/pod-process.ts';
import type { PodState } from '../pod/pod-state.ts';
import { readMovingPod } from '../pod/read-moving-pod.ts';
import {
  readAppImageName,
  readAppRecord,
  readCreatedAt,
  readPodFlavor,
  readPodManifest,
  readStartedAt,
} from '../pod/read-pod.ts';
import type { Flavor } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import type { AppState, AppStatus, PodListing, PodStatus } from './outcomes.ts';

/** Which pod is meant: a name, a UUID or an unambiguous beginning of one, or a file that holds it. */
export type PodSelector = { readonly uuid: string } | { readonly uuidFile: string };

/** @throws GantryError POD_NOT_FOUND, POD_AMBIGUOUS, UUID_FILE_UNREADABLE */
export function findPod({ dataDir }: OperationContext, selector: PodSelector): PodUuid {
  return 'uuid' in selector
    ? findPodUuid(dataDir, selector.uuid)
    : findPodInFile(dataDir, selector.uuidFile);
}

/** The pods that users may name and that a filter lets pass. One that cannot be read is an error beside the others. */
export function listPods(context: OperationContext, filter: PodFilter = {}): PodListing {
  const pods: PodStatus[] = [];
  const errors: unknown[] = [];
  for (const uuid of listPodUuids(context.dataDir)) {
    try {
      const pod = readMovingPod(context.kernel, { dataDir: context.dataDir, uuid }, (state) =>
        passes(state, filter) ? describePod(state) : undefined,
      );
      // It may have been removed since the folder was read.
      if (pod !== undefined && hasLabels(pod, filter.labels)) pods.push(pod);
    } catch (error) {
      errors.push(error);
    }
  }

  return { pods, errors };
}

function passes({ name, dir }: PodState, { states, podName }: PodFilter): boolean {
  if (states !== undefined && !states.includes(name)) return false;

  return podName === undefined || readPodName(dir) === podName;
}

/** What is known of one pod. @throws GantryError POD_NOT_FOUND, POD_UNREADABLE */
export function podStatus({ kernel, dataDir }: OperationContext, uuid: PodUuid): PodStatus {
  const status = readMovingPod(kernel, { dataDir, uuid }, describePod);

  return status ?? describePod(demandPodState(kernel, dataDir, uuid));
}

/** What is known of a pod that was seen there. @throws GantryError POD_UNREADABLE, POD_MANIFEST_INVALID, IMAGE_MANIFEST_INVALID */
export function describePod(state: PodState): PodStatus {
  const { dir, uuid, name } = state;
  if (name === 'embryo' || name === 'preparing' || name === 'aborted prepare') {
    return { ...NOTHING, uuid, name: readPodName(dir), state: name, createdAt: readCreatedAt(dir) };
  }

  const manifest = readPodManifest(dir);
  const flavor = readPodFlavor(dir);
  return {
    uuid,
    name: readPodName(dir),
    state: name,
    createdAt: readCreatedAt(dir),
    startedAt: readStartedAt(dir),
    pid: name === 'running' ? podPid(dir) : undefined,
    networks: readNetInfo(dir),
    apps: manifest.apps.map((app) => describeApp(state, app, flavor)),
    userAnnotations: manifest.userAnnotations ?? {},
    userLabels: manifest.userLabels ?? {},
    stage1Name: flavor.name,
    exitCodesUnknown: flavor.features !== 'all' && !flavor.features.has('exit-codes'),
  };
}

const NOTHING = {
  startedAt: undefined,
  pid: undefined,
  networks: [],
  apps: [],
  userAnnotations: {},
  userLabels: {},
  stage1Name: undefined,
  exitCodesUnknown: false,
} as const;

function describeApp(state: PodState, { name, image, app }: RuntimeApp, flavor: Flavor): AppStatus {
  const { startedAt, exit, restarts } = readAppRecord(state.dir, name);

  return {
    name,
    imageId: parseImageId(image.id),
    imageName: readAppImageName(state.dir, name) ?? image.name,
    state: appState(state, { startedAt, ended: exit !== undefined, flavor }),
    exitCode: exit?.code,
    reason: exit?.reason,
    signal: exit?.signal,
    startedAt,
    finishedAt: exit?.finishedAt,
    restarts,
    userAnnotations: app?.userAnnotations ?? {},
    userLabels: app?.userLabels ?? {},
  };
}

interface AppSigns {
  readonly startedAt: number | undefined;
  readonly ended: boolean;
  readonly flavor: Flavor;
}

/** An app of which nobody notes the start runs as long as its pod. */
function appState({ name }: PodState, { startedAt, ended, flavor }: AppSigns): AppState {
  if (ended) return 'exited';
  if (name === 'running' || name === 'orphaned') {
    const noted = flavor.features !== 'all' && flavor.features.has('readiness');
    return noted && startedAt === undefined ? 'created' : 'running';
  }
  if (name === 'exited' || name === 'exited garbage' || name === 'exited deleting') return 'exited';

  return name === 'prepared' ? 'created' : 'unknown';
}
