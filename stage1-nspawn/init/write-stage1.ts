import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appEnvironmentPath, appUnitName, type ExitPolicy, stage1RootfsDir } from '#stage1';
import { appUnit, type PlannedApp, type PodIsolation } from '../units/app-unit.ts';
import { restartNote } from '../units/backoff.ts';
import { appMarks, readyMark } from '../units/marks.ts';
import { READY_SOCKET } from '../units/names.ts';
import { formatEnvironmentFile } from '../units/quote.ts';
import {
  EXEC_STATUS_DIR,
  EXIT_POLICY_PATH,
  HANDLED_DIR,
  HANDLER_OBSTACLES_DIR,
  RESTART_DIR,
} from '../units/status-dirs.ts';
import { mentionSockets, socketsUnit } from '../units/socket-units.ts';
import { overTarget, tapUnits } from '../units/stream-units.ts';
import { carriedStreams, tappedStreams } from '../units/streams.ts';
import { tapDir } from '../units/tap.ts';
import type { Unit } from '../units/unit.ts';
import { writeUnits } from '../units/write-unit.ts';
import { writeAccountFiles } from './account-files.ts';
import type { AppPlan } from './plan-app.ts';

export interface Stage1Contents {
  readonly podDir: string;
  readonly apps: readonly AppPlan[];
  readonly isolation: PodIsolation;
  readonly exitPolicy: ExitPolicy;
}

/** Writes what PID 1 of the pod starts from: the apps' units, environments, and what runs by default. */
export function writeStage1({ podDir, apps, isolation, exitPolicy }: Stage1Contents): void {
  const root = stage1RootfsDir(podDir);
  const units = apps.map(({ unit }) => unit);
  writeUnits(root, [
    ...units.map((unit) => appUnit(unit, isolation)),
    ...units.flatMap(appMarks),
    readyMark(units),
    ...overTargets(units, isolation),
    ...units.flatMap((app) => tappedStreams(app).flatMap((stream) => tapUnits(app.name, stream))),
    ...socketUnits(units),
    defaultTarget(apps),
  ]);

  if (exitPolicy !== 'any-failure') {
    writeFileSync(join(root, EXIT_POLICY_PATH), `${exitPolicy} ${apps.length}\n`);
  }
  writeAccountFiles(
    podDir,
    apps.map(({ unit }) => unit.identity),
  );

  for (const { unit, environment, obstacle, ...told } of apps) {
    const path = appEnvironmentPath(podDir, unit.name);
    writeFileSync(path, formatEnvironmentFile(environment), { mode: 0o600 });
    for (const stream of tappedStreams(unit)) {
      mkdirSync(join(root, tapDir(unit.name, stream)), { recursive: true, mode: 0o700 });
    }
    if (obstacle !== undefined) {
      const untold = obstacle.message === told.forecast ? '' : obstacle.message;
      note(join(root, EXEC_STATUS_DIR), unit.name, `${obstacle.status}\n${untold}`);
    }
    noteHandlers(root, unit, told);
    if (unit.postStop !== undefined) note(join(root, HANDLED_DIR), unit.name, '');
    if (unit.restart.when !== 'no') {
      note(join(root, RESTART_DIR), unit.name, restartNote(unit.restart));
    }
  }
}

/** What is to be said of handlers when they are not executed: of a pre-start handler it has been. */
function noteHandlers(
  root: string,
  { name, preStart }: PlannedApp,
  { forecast, postStopObstacle }: Pick<AppPlan, 'forecast' | 'postStopObstacle'>,
): void {
  const folder = join(root, HANDLER_OBSTACLES_DIR);
  if (preStart !== undefined && forecast !== undefined) note(join(folder, 'pre-start'), name, '');
  if (postStopObstacle !== undefined) note(join(folder, 'post-stop'), name, postStopObstacle);
}

function overTargets(apps: readonly PlannedApp[], { streams }: PodIsolation): readonly Unit[] {
  return apps.flatMap((app) => {
    const carried = carriedStreams(streams, app);
    return carried.length === 0 ? [] : [overTarget(app, carried)];
  });
}

function socketUnits(apps: readonly PlannedApp[]): readonly Unit[] {
  const able = apps.filter(({ sockets }) => sockets.length > 0);
  const handed = able.filter(({ sockets }) => sockets.some(({ passed }) => passed));

  return [
    ...able.map(({ name, sockets }) => socketsUnit(name, sockets)),
    ...(handed.length === 0 ? [] : [mentionSockets(handed.map(({ name }) => name))]),
  ];
}

function defaultTarget(apps: readonly AppPlan[]): Unit {
  const names = apps.map(({ unit }) => appUnitName(unit.name)).join(' ');

  return {
    name: 'default.target',
    // After them, so that PID 1 tells that it is ready when the apps are; see units/unready for when they never are.
    unit: [
      ['DefaultDependencies', 'no'],
      ['Wants', `${names} ${READY_SOCKET}`],
      ['After', names],
    ],
  };
}

/** Leaves a word for the reaper. */
function note(folder: string, app: string, text: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, app), `${text}\n`);
}
