import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { below } from '#base/fs/below';
import { resolveInside } from '#base/fs/inside';

/** The mode of what is made: everybody may enter, whatever the caller's umask. */
const MADE_MODE = 0o755;

/** Where an app is to run. */
export interface WorkingDirectory {
  readonly app: string;
  /** Absolute, inside the app. */
  readonly workingDir: string;
}

/**
 * Demands an app's working directory, before anything of the app is run.
 * @param root the app's root file system, with its mounts
 * @throws GantryError APP_WORKING_DIR_MISSING, PATH_TOO_MANY_LINKS
 */
export function demandWorkingDirectory(root: string, { app, workingDir }: WorkingDirectory): void {
  let cause: unknown;
  try {
    const stats = statSync(resolveInside(root, workingDir), { throwIfNoEntry: false });
    if (stats?.isDirectory() === true) return;
  } catch (error) {
    if (isGantryError(error)) throw error;
    cause = error;
  }

  throw new GantryError(
    'APP_WORKING_DIR_MISSING',
    `cannot run app "${app}" in "${workingDir}": ${cause === undefined ? 'no such directory' : fileState(cause)}`,
    { hint: 'name another with --working-dir', ...(cause === undefined ? {} : { cause }) },
  );
}

/**
 * Has this process enter an app's working directory, as whoever it is by now.
 * @throws GantryError APP_EXEC_NOT_EXECUTABLE when the directory is closed to it
 */
export function enterWorkingDirectory({ app, workingDir }: WorkingDirectory): void {
  try {
    process.chdir(posix.resolve('/', workingDir));
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error;
    throw new GantryError(
      'APP_EXEC_NOT_EXECUTABLE',
      `cannot run app "${app}" in "${workingDir}": permission denied`,
      { cause: error },
    );
  }
}

/**
 * Makes an app's working directory where it is missing, with those above it, as
 * root's: images of the OCI count on that.
 * @param root the app's root file system, with its mounts
 * @throws GantryError PATH_TOO_MANY_LINKS, APP_WORKING_DIR_MISSING when it cannot be made
 */
export function makeWorkingDirectory(root: string, place: WorkingDirectory): void {
  try {
    const path = resolveInside(root, place.workingDir);
    const parts = path.slice(root.length).split('/').filter(Boolean);
    for (let length = 1; length <= parts.length; length += 1) {
      makeDirectory(below(root, ...parts.slice(0, length)));
    }
  } catch {
    // What is in the way, or that all is read-only, shows below.
  }
  demandWorkingDirectory(root, place);
}

function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return;
  mkdirSync(path);
  chmodSync(path, MADE_MODE);
}
