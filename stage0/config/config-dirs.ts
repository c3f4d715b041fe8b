import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';

/** The configuration directories, lowest first: what a later one says wins. */
export interface ConfigDirs {
  readonly systemConfig: string;
  readonly localConfig: string;
  readonly userConfig: string | undefined;
}

/** The folders in a configuration directory that hold documents of a kind. */
export type ConfigFolder = 'auth.d' | 'limits.d' | 'paths.d' | 'stage1.d';

/** The documents of one folder of one configuration directory. */
export interface ConfigLayer {
  readonly folder: ConfigFolder;
  readonly files: readonly string[];
}

/**
 * Finds the documents in some folders, lowest directory first: `*.json`, files
 * only, sorted; links and folders are not followed (fact sheet 2.3).
 * @throws GantryError CONFIG_UNREADABLE
 */
export function findConfigFiles(
  { systemConfig, localConfig, userConfig }: ConfigDirs,
  folders: readonly ConfigFolder[],
): readonly ConfigLayer[] {
  // Nobody has to have the first two; the third was named.
  if (userConfig !== undefined) readEntries(userConfig);
  const dirs = [systemConfig, localConfig, userConfig].filter((dir) => dir !== undefined);

  return dirs
    .flatMap((dir) => folders.map((folder) => ({ folder, files: filesIn(join(dir, folder)) })))
    .filter(({ files }) => files.length > 0);
}

function filesIn(folder: string): readonly string[] {
  return entriesOf(folder)
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map(({ name }) => join(folder, name))
    .sort();
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readEntries(folder);
  } catch (error) {
    if (isGantryError(error) && errorCode(error.cause) === 'ENOENT') return [];
    throw error;
  }
}

function readEntries(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    throw new GantryError(
      'CONFIG_UNREADABLE',
      `cannot read configuration in "${folder}": ${fileState(cause)}`,
      { cause },
    );
  }
}
