import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import { isJsonObject, type JsonObject } from '../config/json.ts';
import type { NetworkName } from '../config/names.ts';
import { type CniVersion, NEWEST_VERSION, releasedVersion } from '../version/cni-version.ts';
import { findPlugin } from './find-plugin.ts';
import { describeVersionCall, type PluginCall } from './plugin-call.ts';
import { pluginFailureOf } from './plugin-error.ts';
import { badOutput, type PluginRunner, runPluginForOutput } from './run-plugin.ts';

/** What plugins say to VERSION, asked once for every executable. */
export interface PluginVersions {
  /**
   * The versions that a plugin supports and this library speaks.
   * @param network for whose sake it is asked, for the message
   * @throws GantryError CNI_PLUGIN_NOT_FOUND, CNI_PLUGIN_FAILED
   */
  of(type: string, network?: NetworkName): Promise<readonly CniVersion[]>;
}

/**
 * The format of a kept answer; another one is asked for anew. Bound to the
 * executable by what changes when it is written or replaced.
 */
interface KeptAnswer {
  readonly format: 1;
  readonly path: string;
  readonly identity: string;
  readonly versions: readonly string[];
}

/**
 * Opens the answers kept in a folder, so that a network costs no process more
 * than its plugins' work.
 * @param dir made when missing; when it cannot be written, every process asks anew
 */
export function openPluginVersions(runner: PluginRunner, dir: string): PluginVersions {
  const asked = new Map<string, Promise<readonly CniVersion[]>>();

  return {
    async of(type, network) {
      const path = findPlugin(type, runner.pluginDirs, network);
      const identity = identityOf(path);
      const key = `${path}:${identity}`;
      const known = asked.get(key) ?? answer(runner, type, { dir, path, identity, network });
      asked.set(key, known);
      try {
        return await known;
      } catch (error) {
        asked.delete(key);
        throw error;
      }
    },
  };
}

interface Place {
  readonly dir: string;
  readonly path: string;
  readonly identity: string;
  readonly network: NetworkName | undefined;
}

async function answer(
  runner: PluginRunner,
  type: string,
  place: Place,
): Promise<readonly CniVersion[]> {
  const file = join(place.dir, `${type}.json`);
  const kept = readKept(file);
  if (kept?.path === place.path && kept.identity === place.identity) return released(kept.versions);

  const versions = await ask(runner, type, place.network);
  const { path, identity } = place;
  const record: KeptAnswer = { format: 1, path, identity, versions };
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileAtomic(file, JSON.stringify(record), { mode: 0o600, durable: false });
  } catch (error) {
    runner.log.debug(`cannot keep the versions of plugin ${type}: ${errorCode(error)}`);
  }

  return released(versions);
}

/** Asks the plugin itself. One that does not know the command is from before 0.2.0. */
async function ask(
  runner: PluginRunner,
  type: string,
  network: NetworkName | undefined,
): Promise<readonly string[]> {
  const call = { ...describeVersionCall(type, NEWEST_VERSION, runner.pluginDirs), network };
  try {
    return readAnswer(runner, call, await runPluginForOutput(runner, call));
  } catch (error) {
    const failure = pluginFailureOf(error);
    if (failure?.kind === 'reported' && /unknown CNI_COMMAND/i.test(failure.msg)) return ['0.1.0'];
    throw error;
  }
}

function readAnswer(runner: PluginRunner, call: PluginCall, output: JsonObject): readonly string[] {
  const { supportedVersions: versions, cniVersion } = output;
  if (versions === undefined && cniVersion === '0.2.0') return ['0.1.0', '0.2.0'];
  if (!Array.isArray(versions) || !versions.every((version) => typeof version === 'string')) {
    throw badOutput(runner, call, 'it lists no supportedVersions');
  }

  return versions.slice(0, 100);
}

function released(versions: readonly string[]): readonly CniVersion[] {
  return versions.flatMap((version) => releasedVersion(version) ?? []);
}

function identityOf(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });

  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function readKept(file: string): KeptAnswer | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isJsonObject(value) || value['format'] !== 1) return undefined;
    const { versions } = value;
    const isWhole =
      Array.isArray(versions) && versions.every((version) => typeof version === 'string');
    return isWhole ? (value as unknown as KeptAnswer) : undefined;
  } catch {
    return undefined;
  }
}
