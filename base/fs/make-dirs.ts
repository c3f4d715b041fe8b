import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, GantryError } from '../errors/gantry-error.ts';

/**
 * Makes a directory and the parents that it lacks, with these permissions
 * whatever the umask; what is there keeps its own. Node's recursive mkdir never
 * comes back from where no directory can be made, below /proc for example.
 * @throws GantryError DIRECTORY_NOT_MADE, and what mkdir(2) says about permission, space and names
 */
export function makeDirs(path: string, mode: number): void {
  if (isMade(path, mode)) return;

  const parent = dirname(path);
  if (parent !== path) makeDirs(parent, mode);
  if (!isMade(path, mode)) throw takesNone(path);
}

/** @returns whether it is there now; not so when its parent is missing */
function isMade(path: string, mode: number): boolean {
  try {
    mkdirSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    if (errorCode(error) !== 'EEXIST') throw error;
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return true;
    throw notMade(path, 'there is something else, or a link that leads nowhere');
  }
  chmodSync(path, mode);

  return true;
}

/** For a directory whose parent is there and in which nevertheless none can be made, as in /proc. */
export function takesNone(path: string): GantryError {
  return notMade(path, `"${dirname(path)}" takes no directories`);
}

function notMade(path: string, state: string): GantryError {
  return new GantryError('DIRECTORY_NOT_MADE', `cannot make directory "${path}": ${state}`, {
    hint: 'choose another place, with --dir for all that gantry keeps',
  });
}
