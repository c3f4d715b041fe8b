import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { fileState } from '#base/errors/obstacle';
import { utf8Text } from '#base/decode/utf8';
import { filesIn } from '#base/fs/files-in';
import { readNamedFile } from '#base/fs/named-file';
import type { Log } from '#base/log/log';
import type { RegistriesFile } from './parse-registries.ts';
import type { Registries, RegistryTable } from './registries.ts';

/** More than any such file takes. */
const MAX_BYTES = 1024 * 1024;
const NAME = 'registries.conf';

/**
 * What the folders of configuration say of registries: the last `registries.conf`
 * of them, and every `registries.conf.d/*.conf`. Of what several files say the
 * last counts: those of a later folder, and in one folder those of
 * `registries.conf.d`, by their names.
 * @param configDirs from the system's to the administrator's
 * @throws GantryError REGISTRIES_INVALID, which names the file and the line
 */
export async function openRegistries(configDirs: readonly string[], log: Log): Promise<Registries> {
  const texts = readTexts(configDirs);
  const path = join(configDirs.at(-1) ?? '', NAME);
  // Most machines have none, and need nothing that reads them.
  if (texts.length === 0) return merge([], path);
  const { parseRegistries } = await import('./parse-registries.ts');
  const files = texts.map(({ path: each, text }) => {
    const file = parseRegistries(text, each);
    const unknown = file.unknown.slice(0, 10).map(quoted).join(', ');
    if (unknown !== '') log.debug(`not known, and passed over, in "${each}": ${unknown}`);
    return file;
  });

  return merge(files, path);
}

interface Text {
  readonly path: string;
  readonly text: string;
}

function readTexts(configDirs: readonly string[]): readonly Text[] {
  const mains = configDirs.map((dir) => textOf(join(dir, NAME)));
  const last = mains.findLastIndex((main) => main !== undefined);

  return configDirs
    .flatMap((dir, index) => [
      index === last ? mains[index] : undefined,
      ...listFiles(join(dir, `${NAME}.d`)).map(textOf),
    ])
    .filter((text) => text !== undefined);
}

function listFiles(folder: string): readonly string[] {
  try {
    return filesIn(folder, '.conf');
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

/** @returns undefined when there is no such file */
function textOf(path: string): Text | undefined {
  try {
    return { path, text: utf8Text(readNamedFile(path, MAX_BYTES)) };
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): GantryError {
  return new GantryError('REGISTRIES_INVALID', `cannot use "${path}": ${fileState(cause)}`, {
    cause,
    hint: 'no registry is asked until it can be read',
  });
}

function merge(files: readonly RegistriesFile[], path: string): Registries {
  const aliases = new Map(files.flatMap((file) => [...file.aliases]));
  const tables = new Map(
    files.flatMap((file) => file.tables).map((table) => [table.prefix, table]),
  );
  demandOneMind([...tables.values()]);

  return {
    search: files.findLast(({ search }) => search !== undefined)?.search ?? [],
    credentialHelpers: files.findLast(({ credentialHelpers }) => credentialHelpers)
      ?.credentialHelpers,
    shortNames: files.findLast(({ shortNames }) => shortNames)?.shortNames ?? 'permissive',
    aliases: new Map([...aliases].filter(([, name]) => name !== '')),
    tables,
    path,
  };
}

/** Two prefixes may lead to one location, but it is the same registry for both. */
function demandOneMind(tables: readonly RegistryTable[]): void {
  const seen = new Map<string, RegistryTable>();
  for (const table of tables) {
    const { location = table.prefix, source } = table;
    const other = seen.get(location) ?? table;
    seen.set(location, other);
    for (const key of ['insecure', 'blocked'] as const) {
      if (table[key] === other[key]) continue;
      throw new GantryError(
        'REGISTRIES_INVALID',
        `cannot use ${source}: "${location}" is "${key} = ${table[key]}" there, and not in ${other.source}`,
        { hint: 'say the same of one location' },
      );
    }
  }
}
