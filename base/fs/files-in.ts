import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors/gantry-error.ts';

/**
 * The paths of what lies in a folder under a name with an ending, sorted; none where there is no folder.
 * @throws what readdir(3) says
 */
export function filesIn(folder: string, ending: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(ending))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
