import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';

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
    return readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(cause) ?? '')) return [];
    throw new GantryError('CONFIG_UNREADABLE', `cannot read configuration in "${folder}"`, {
      cause,
    });
  }
}
