import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appEnvironmentPath, stage1RootfsDir } from '#stage1';
import { appUnit, type PodIsolation } from '../units/app-unit.ts';
import { appUnitName } from '../units/names.ts';
import { formatEnvironmentFile } from '../units/quote.ts';
import { EXEC_STATUS_DIR } from '../units/status-dirs.ts';
import type { Unit } from '../units/unit.ts';
import { writeUnits } from '../units/write-unit.ts';
import { writeAccountFiles } from './account-files.ts';
import type { AppPlan } from './plan-app.ts';

export interface Stage1Contents {
  readonly podDir: string;
  readonly apps: readonly AppPlan[];
  readonly isolation: PodIsolation;
}

/** Writes what PID 1 of the pod starts from: the apps' units, environments, and what runs by default. */
export function writeStage1({ podDir, apps, isolation }: Stage1Contents): void {
  const root = stage1RootfsDir(podDir);
  writeUnits(root, [...apps.map(({ unit }) => appUnit(unit, isolation)), defaultTarget(apps)]);

  writeAccountFiles(
    podDir,
    apps.map(({ unit }) => unit.identity),
  );

  for (const { unit, environment, obstacle } of apps) {
    const path = appEnvironmentPath(podDir, unit.name);
    writeFileSync(path, formatEnvironmentFile(environment), { mode: 0o600 });
    if (obstacle !== undefined) noteExecStatus(root, unit.name, obstacle.status);
  }
}

function defaultTarget(apps: readonly AppPlan[]): Unit {
  const names = apps.map(({ unit }) => appUnitName(unit.name)).join(' ');

  return {
    name: 'default.target',
    // After them, so that PID 1 counts as ready when the apps do.
    unit: [
      ['DefaultDependencies', 'no'],
      ['Wants', names],
      ['After', names],
    ],
  };
}

function noteExecStatus(root: string, app: string, status: number): void {
  const folder = join(root, EXEC_STATUS_DIR);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, app), `${status}\n`);
}
