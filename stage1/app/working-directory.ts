import { statSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { resolveInside } from '#base/fs/inside';

/** Where an app is to run. */
export interface WorkingDirectory {
  readonly app: string;
  /** Absolute, inside the app. */
  readonly workingDir: string;
}

/**
 * Demands an app's working directory, before anything of the app is run.
 * @param root the app's root file system, with its mounts
 * @throws GantryError APP_WORKING_DIR_MISSING
 */
export function demandWorkingDirectory(root: string, { app, workingDir }: WorkingDirectory): void {
  const stats = statSync(resolveInside(root, workingDir), { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return;

  throw new GantryError(
    'APP_WORKING_DIR_MISSING',
    `cannot run app "${app}" in "${workingDir}": no such directory`,
    { hint: 'name another with --working-dir' },
  );
}
