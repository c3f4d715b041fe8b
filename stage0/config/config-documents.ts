import * as v from 'valibot';
import { decodeJson, decodeValue } from '#base/decode/decode';
import { utf8Text } from '#base/decode/utf8';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { readNamedFile } from '#base/fs/named-file';
import type { ConfigFolder, ConfigLayer } from './config-dirs.ts';
import { type ConfigEntry, KINDS } from './config-kinds.ts';
import type { Configuration } from './configuration.ts';

/** The only version that rkt ever had of any kind. */
const VERSION = 'v1';
/** Larger documents are a mistake or an attack. */
const MAX_BYTES = 1024 * 1024;

const header = v.object(
  {
    rktKind: v.string('must be text'),
    rktVersion: v.literal(VERSION, `must be "${VERSION}"`),
  },
  'must be an object',
);

/**
 * Merges documents, lowest layer first: a later directory wins for each thing
 * that is said; the same thing twice in one directory is an error.
 * @throws GantryError CONFIG_UNREADABLE, CONFIG_INVALID
 */
export function mergeLayers(layers: readonly ConfigLayer[]): Configuration {
  const merged = new Map<string, ConfigEntry>();
  for (const { folder, files } of layers) {
    for (const [key, entry] of readLayer(folder, files)) merged.set(key, entry);
  }

  return configurationOf([...merged.values()]);
}

function readLayer(
  folder: ConfigFolder,
  files: readonly string[],
): ReadonlyMap<string, ConfigEntry> {
  const entries = new Map<string, ConfigEntry>();
  const sources = new Map<string, string>();
  for (const path of files) {
    for (const entry of readDocument(folder, path)) {
      const source = sources.get(entry.key);
      if (source !== undefined) throw invalid(path, `${entry.key} is set by "${source}" too`);
      sources.set(entry.key, path);
      entries.set(entry.key, entry);
    }
  }

  return entries;
}

function readDocument(folder: ConfigFolder, path: string): readonly ConfigEntry[] {
  const options = { what: `configuration "${path}"`, code: 'CONFIG_INVALID' };
  const value = decodeJson(v.unknown(), readText(path), options);
  const { rktKind } = decodeValue(header, value, options);

  const kind = KINDS.find(({ name }) => name === rktKind);
  if (kind === undefined) {
    const names = KINDS.map(({ name }) => name).join(', ');
    throw invalid(path, `rktKind: unknown kind "${rktKind}"`, `kinds are ${names}`);
  }
  if (kind.folder !== folder) {
    throw invalid(
      path,
      `rktKind: kind "${rktKind}" does not belong into "${folder}"`,
      `move the file to "${kind.folder}"`,
    );
  }

  return kind.read(value, options);
}

function readText(path: string): string {
  try {
    return utf8Text(readNamedFile(path, MAX_BYTES));
  } catch (cause) {
    if (isGantryError(cause)) throw invalid(path, cause.message);
    throw new GantryError('CONFIG_UNREADABLE', `cannot read configuration "${path}"`, { cause });
  }
}

function invalid(path: string, state: string, hint?: string): GantryError<'CONFIG_INVALID'> {
  return new GantryError('CONFIG_INVALID', `cannot read configuration "${path}": ${state}`, {
    hint,
  });
}

function configurationOf(entries: readonly ConfigEntry[]): Configuration {
  const auth: Configuration['auth'][number][] = [];
  const dockerAuth: Configuration['dockerAuth'][number][] = [];
  let paths: Configuration['paths'] = {};
  let stage1: Configuration['stage1'];
  let limits: Configuration['limits'] = {};
  for (const entry of entries) {
    switch (entry.kind) {
      case 'auth':
        auth.push(entry.value);
        break;
      case 'dockerAuth':
        dockerAuth.push(entry.value);
        break;
      case 'paths':
        paths = { ...paths, ...entry.value };
        break;
      case 'limits':
        limits = { ...limits, ...entry.value };
        break;
      case 'stage1':
        stage1 = { ...stage1, ...entry.value };
        break;
    }
  }

  return { auth, dockerAuth, paths, stage1, limits };
}
