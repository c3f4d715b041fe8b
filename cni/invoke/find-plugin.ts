import { accessSync, constants, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';

/**
 * The executable of a plugin: the first regular file of its name that may be
 * executed, in the order of the folders.
 * @param type the plugin's file name; a path is no plugin
 * @param network for whose sake it is looked for, for the message
 * @throws GantryError CNI_PLUGIN_NOT_FOUND
 */
export function findPlugin(type: string, folders: readonly string[], network?: string): string {
  const candidates = basename(type) === type ? folders.map((folder) => join(folder, type)) : [];
  const found = candidates.find(isExecutableFile);
  if (found !== undefined) return found;

  const of = network === undefined ? '' : ` of the network ${quoted(network)}`;
  throw new GantryError(
    'CNI_PLUGIN_NOT_FOUND',
    `cannot find the plugin ${quoted(type)}${of}: no folder of the search path has an executable of this name`,
    { hint: folders.length === 0 ? 'the search path is empty' : `searched: ${folders.join(', ')}` },
  );
}

function isExecutableFile(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The value of `CNI_PATH`.
 * @throws GantryError CNI_PATH_INVALID when a folder cannot be told in it
 */
export function pluginPath(folders: readonly string[]): string {
  const bad = folders.find((folder) => !folder.startsWith('/') || /[:\0]/.test(folder));
  if (bad === undefined) return folders.join(':');

  throw new GantryError(
    'CNI_PATH_INVALID',
    `cannot search for plugins in ${quoted(bad)}: not an absolute path without ":"`,
  );
}
