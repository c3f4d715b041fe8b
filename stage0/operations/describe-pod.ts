import { errorMessage } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import type { RuntimeApp } from '#schema/pod/pod-manifest';
import { parseImageId } from '#schema/types/image-hash';
import { exitPolicyOf, readNetInfo, readPodName } from '#stage1';
import { podPid } from '../pod/pod-process.ts';
import { ENDED_STATES, type PodState } from '../pod/pod-state.ts';
import {
  NO_MANIFESTS,
  readAppImageName,
  readAppRecord,
  readCreatedAt,
  readPodManifests,
  readStartedAt,
  stage1StateDir,
} from '../pod/read-pod.ts';
import type { Flavor } from '../stage1/flavor.ts';
import type { AppState, AppStatus, PodStatus } from './outcomes.ts';

/**
 * What is known of a pod that was seen there. What is missing, cut off, or
 * something else than it should be is told as the pod's problem.
 */
export function describePod(state: PodState): PodStatus {
  const { dir, uuid, name } = state;
  if (!state.isDirectory)
    return { ...NOTHING, uuid, state: name, problem: 'it is not a directory' };

  const problems = new Set<string>();
  const attempt = <Part>(read: () => Part): Part | undefined => attemptTo(read, problems);
  const isMade = !UNFINISHED.includes(name);
  const { manifest, flavor } = isMade ? readPodManifests(dir, attempt) : NO_MANIFESTS;

  return {
    uuid,
    name: attempt(() => readPodName(dir)),
    state: name,
    createdAt: readCreatedAt(dir),
    startedAt: isMade ? readStartedAt(dir) : undefined,
    pid: name === 'running' ? attempt(() => podPid(dir)) : undefined,
    networks: (isMade ? attempt(() => readNetInfo(dir)) : undefined) ?? [],
    apps: describeApps({ state, flavor, problems }, manifest?.apps ?? []),
    userAnnotations: manifest?.userAnnotations ?? {},
    userLabels: manifest?.userLabels ?? {},
    exitPolicy:
      (manifest === undefined ? undefined : attempt(() => exitPolicyOf(manifest))) ?? 'any-failure',
    stage1Name: flavor?.name,
    problem: isBeingRemoved(state) ? undefined : inWords(problems, dir),
  };
}

const NOTHING = {
  name: undefined,
  createdAt: undefined,
  startedAt: undefined,
  pid: undefined,
  networks: [],
  exitPolicy: 'any-failure',
  apps: [],
  userAnnotations: {},
  userLabels: {},
  stage1Name: undefined,
} as const;

/** Without the pod's directory, which is known where the pod is. */
function inWords(problems: ReadonlySet<string>, dir: string): string | undefined {
  const texts = [...problems].map((problem) =>
    problem.replaceAll(` in "${dir}"`, '').replaceAll(`"${dir}/`, '"'),
  );

  return texts.length === 0 ? undefined : texts.join('; ');
}

const isBeingRemoved = ({ name }: PodState): boolean =>
  name === 'exited deleting' || name === 'deleting';

/** What is missing of these is no problem. */
const UNFINISHED: readonly PodState['name'][] = ['embryo', 'preparing', 'aborted prepare'];

interface Reading {
  readonly state: PodState;
  readonly flavor: Flavor | undefined;
  readonly problems: Set<string>;
}

function describeApps(reading: Reading, apps: readonly RuntimeApp[]): readonly AppStatus[] {
  if (apps.length === 0) return [];
  const { state, problems } = reading;
  const stateDir = attemptTo(() => stage1StateDir(state.dir), problems);

  return apps.map((app) => describeApp({ ...reading, stateDir }, app));
}

function describeApp(
  { state, flavor, problems, stateDir }: Reading & { readonly stateDir: string | undefined },
  { name, image, app }: RuntimeApp,
): AppStatus {
  const { dir } = state;
  const record =
    stateDir === undefined
      ? undefined
      : attemptTo(() => readAppRecord(dir, stateDir, name), problems);
  const { startedAt, exit, restarts = 0 } = record ?? {};

  return {
    name,
    imageId: parseImageId(image.id),
    imageName: readAppImageName(dir, name) ?? image.name,
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
  readonly flavor: Flavor | undefined;
}

/** An app of which nobody notes the start runs as long as its pod. */
function appState(state: PodState, { startedAt, ended, flavor }: AppSigns): AppState {
  if (ended || ENDED_STATES.includes(state.name)) return 'exited';
  if (state.name === 'running' || state.name === 'orphaned') {
    const noted =
      flavor !== undefined && flavor.features !== 'all' && flavor.features.has('readiness');
    return noted && startedAt === undefined ? 'created' : 'running';
  }

  return state.name === 'prepared' ? 'created' : 'unknown';
}

/** @returns undefined when it cannot be read; why is added to `problems` */
export function attemptTo<Part>(read: () => Part, problems: Set<string>): Part | undefined {
  try {
    return read();
  } catch (error) {
    problems.add(obstacleOf(error)?.state ?? errorMessage(error));
    return undefined;
  }
}
