import { readdirSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { readConfigFile, unreadable } from './config-file.ts';
import type { NetworkName } from './names.ts';
import {
  claimedName,
  completeNetwork,
  type NetworkConfig,
  parseConfigObject,
  readNetworkDraft,
} from './network-config.ts';
import { type PluginConfig, readPluginConfig } from './plugin-config.ts';

/** Something about a configuration file that the administrator may want to know. */
export interface ConfigProblem {
  /**
   * `invalid`: the file, or a whole folder, is of no use;
   * `duplicate`: an earlier file of the same folder has the name;
   * `overridden`: a later folder has the name, which is what folders are for.
   */
  readonly kind: 'invalid' | 'duplicate' | 'overridden';
  readonly file: string;
  /** The network that the file would have been. */
  readonly name: NetworkName | undefined;
  readonly error: GantryError;
}

/** The networks found in some folders. */
export interface NetworkSet {
  /** By file name, which is the order of attaching. */
  readonly networks: readonly NetworkConfig[];
  readonly problems: readonly ConfigProblem[];
  /**
   * The network of a name.
   * @throws GantryError CNI_NETWORK_NOT_FOUND, or what is wrong with the file that has the name:
   * a broken file never gives way to one that it overrides
   */
  find(name: string): NetworkConfig;
}

const EXTENSIONS: ReadonlySet<string> = new Set(['.conf', '.conflist', '.json']);

/** What one file is: a network, or an error; the name is there if it could be read. */
interface Claim {
  readonly file: string;
  readonly name: NetworkName | undefined;
  readonly network: NetworkConfig | GantryError;
}

/**
 * Reads every network configuration of some folders. Within a folder the first
 * file, by name, that claims a network's name has it; a later folder overrides
 * an earlier one. A file that cannot be used stands in nobody's way but that of
 * its own network. Folders that do not exist are empty.
 * @param folders the one that overrides all others last
 */
export function loadNetworks(folders: readonly string[]): NetworkSet {
  const problems: ConfigProblem[] = [];
  const winners = new Map<NetworkName, Claim>();

  for (const folder of new Set(folders.map((path) => resolve(path)))) {
    for (const claim of firstClaims(folder, problems)) {
      const before = claim.name === undefined ? undefined : winners.get(claim.name);
      if (before !== undefined) problems.push(overriddenBy(before, claim));
      if (claim.name !== undefined) winners.set(claim.name, claim);
      if (isGantryError(claim.network)) {
        problems.push({
          kind: 'invalid',
          file: claim.file,
          name: claim.name,
          error: claim.network,
        });
      }
    }
  }

  return networkSet(winners, problems);
}

function networkSet(
  winners: ReadonlyMap<string, Claim>,
  problems: readonly ConfigProblem[],
): NetworkSet {
  const networks = [...winners.values()]
    .sort((a, b) => compare(basename(a.file), basename(b.file)) || compare(a.file, b.file))
    .flatMap(({ network }) => (isGantryError(network) ? [] : [network]));

  return {
    networks,
    problems,
    find(name) {
      const network = winners.get(name)?.network ?? notFound(name, problems);
      if (isGantryError(network)) throw network;
      return network;
    },
  };
}

function notFound(name: string, problems: readonly ConfigProblem[]): GantryError {
  const nameless = problems.filter((problem) => problem.kind === 'invalid' && !problem.name);
  const hint =
    nameless.length === 0
      ? undefined
      : `it may be in a file of no use: ${nameless.map(({ error }) => error.message).join('; ')}`;

  return new GantryError(
    'CNI_NETWORK_NOT_FOUND',
    `cannot find the network ${quoted(name)}: no configuration has this name`,
    { hint },
  );
}

/** The files of a folder that win their names there, and those of no name. */
function firstClaims(folder: string, problems: ConfigProblem[]): readonly Claim[] {
  const named = new Map<NetworkName, Claim>();
  const nameless: Claim[] = [];

  for (const file of configFiles(folder, EXTENSIONS, problems)) {
    const claim = readClaim(file);
    const first = claim.name === undefined ? undefined : named.get(claim.name);
    if (claim.name === undefined) nameless.push(claim);
    else if (first === undefined) named.set(claim.name, claim);
    else problems.push(duplicateOf(first, claim));
  }

  return [...named.values(), ...nameless];
}

function readClaim(file: string): Claim {
  let name: NetworkName | undefined;
  try {
    const fields = parseConfigObject(readConfigFile(file), file);
    name = claimedName(fields);
    const draft = readNetworkDraft(
      fields,
      file,
      extname(file) === '.conflist' ? 'list' : undefined,
    );
    const gathered = draft.loadOnlyInlinedPlugins ? [] : siblingPlugins(file, draft.name);
    return { file, name, network: completeNetwork(draft, gathered) };
  } catch (error) {
    if (isGantryError(error)) return { file, name, network: error };
    throw error;
  }
}

/** The plugins in the folder beside a configuration list that has the network's name: spec 1.1, section 1. */
function siblingPlugins(file: string, name: NetworkName): readonly PluginConfig[] {
  const problems: ConfigProblem[] = [];
  const files = configFiles(join(dirname(file), name), new Set(['.conf']), problems);
  if (problems[0] !== undefined) throw problems[0].error;

  return files.map((path) =>
    readPluginConfig(
      parseConfigObject(readConfigFile(path), path),
      `the network configuration ${quoted(path)}`,
    ),
  );
}

function configFiles(
  folder: string,
  extensions: ReadonlySet<string>,
  problems: ConfigProblem[],
): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && extensions.has(extname(entry.name)))
      .map(({ name }) => join(folder, name))
      .sort(compare);
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) {
      const reason = unreadable(folder, error);
      problems.push({ kind: 'invalid', file: folder, name: undefined, error: reason });
    }
    return [];
  }
}

function duplicateOf(first: Claim, claim: Claim): ConfigProblem {
  const error = new GantryError(
    'CNI_CONFIG_DUPLICATE',
    `cannot use the network configuration ${quoted(claim.file)}: ${quoted(first.file)} has the name ${quoted(claim.name ?? '')} already`,
    { hint: 'give one of them another name, or remove it' },
  );

  return { kind: 'duplicate', file: claim.file, name: claim.name, error };
}

function overriddenBy(before: Claim, claim: Claim): ConfigProblem {
  const error = new GantryError(
    'CNI_CONFIG_OVERRIDDEN',
    `the network configuration ${quoted(before.file)} is overridden by ${quoted(claim.file)}`,
  );

  return { kind: 'overridden', file: before.file, name: before.name, error };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;

  return a < b ? -1 : 1;
}
