import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import {
  CNI_VERSIONS,
  type CniVersion,
  isVersionNumber,
  OLDEST_VERSION,
  releasedVersion,
} from '../version/cni-version.ts';
import { type JsonObject, parseJsonObject } from './json.ts';
import { type NetworkName, parseNetworkName } from './names.ts';
import { type PluginConfig, readPluginConfig } from './plugin-config.ts';

/** A network as configured: spec 1.1, section 1. */
export interface NetworkConfig {
  readonly name: NetworkName;
  /** The versions that it says to conform to and that this library speaks, oldest first; never empty. */
  readonly versions: readonly CniVersion[];
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  /** In the order of ADD; never empty. */
  readonly plugins: readonly PluginConfig[];
  /** Where it was read from, for messages. */
  readonly source: string;
}

/** A configuration list whose plugins may still have to be gathered from elsewhere. */
export interface NetworkDraft extends NetworkConfig {
  /** Whether plugins beside the inlined ones are to be left alone. */
  readonly loadOnlyInlinedPlugins: boolean;
}

/** `list`: has `plugins`; `plugin`: the one plugin of its network, the form of spec 0.x. */
export type ConfigForm = 'list' | 'plugin';

/**
 * Reads a network's configuration, a list or a single plugin.
 * @param source where it comes from, for messages
 * @param form told by the document itself when not given: a single plugin has a `type`
 * @throws GantryError CNI_CONFIG_INVALID, CNI_CONFIG_CYCLIC, CNI_VERSION_UNSUPPORTED, CNI_NAME_INVALID
 */
export function parseNetworkConfig(text: string, source: string, form?: ConfigForm): NetworkConfig {
  const fields = parseConfigObject(text, source);

  return completeNetwork(readNetworkDraft(fields, source, form), []);
}

/** @throws GantryError CNI_CONFIG_INVALID */
export function parseConfigObject(text: string, source: string): JsonObject {
  return parseJsonObject(text, describeSource(source), 'CNI_CONFIG_INVALID');
}

/** @throws GantryError as `parseNetworkConfig` */
export function readNetworkDraft(
  fields: JsonObject,
  source: string,
  form: ConfigForm = formOf(fields),
): NetworkDraft {
  const where = describeSource(source);
  const name = readName(fields, where);
  const versions = readVersions(fields, where);
  const loadOnlyInlinedPlugins = readFlag(fields, 'loadOnlyInlinedPlugins', where);

  return {
    name,
    versions,
    disableCheck: readFlag(fields, 'disableCheck', where),
    disableGc: readFlag(fields, 'disableGC', where),
    loadOnlyInlinedPlugins: loadOnlyInlinedPlugins || form === 'plugin',
    plugins: form === 'plugin' ? [readPluginConfig(fields, where)] : readPlugins(fields, where),
    source,
  };
}

/**
 * A draft with the plugins found beside it, those being last.
 * @throws GantryError CNI_CONFIG_INVALID when there are no plugins at all
 */
export function completeNetwork(
  draft: NetworkDraft,
  gathered: readonly PluginConfig[],
): NetworkConfig {
  const { loadOnlyInlinedPlugins, ...network } = draft;
  const plugins = loadOnlyInlinedPlugins ? network.plugins : [...network.plugins, ...gathered];
  if (plugins.length === 0) throw invalid(describeSource(draft.source), 'plugins: none are given');

  return { ...network, plugins };
}

/** Every capability that some plugin of a network declares. */
export function capabilitiesOf(network: NetworkConfig): ReadonlySet<string> {
  return new Set(network.plugins.flatMap(({ capabilities }) => capabilities));
}

/**
 * The name that a configuration claims, however wrong the rest of it may be.
 * @returns undefined when it has no valid one
 */
export function claimedName(fields: JsonObject): NetworkName | undefined {
  try {
    return readName(fields, '');
  } catch {
    return undefined;
  }
}

function formOf(fields: JsonObject): ConfigForm {
  return fields['type'] === undefined ? 'list' : 'plugin';
}

function readName(fields: JsonObject, where: string): NetworkName {
  const name = fields['name'];
  if (name === undefined) throw invalid(where, 'name: missing');
  if (typeof name !== 'string') throw invalid(where, 'name: not a string');

  try {
    return parseNetworkName(name);
  } catch (cause) {
    throw new GantryError(
      'CNI_CONFIG_INVALID',
      `cannot read ${where}: name: ${quoted(name)} is not allowed`,
      { cause },
    );
  }
}

/** The versions of `cniVersion` and `cniVersions` together; those never released are passed over when another is left. */
function readVersions(fields: JsonObject, where: string): readonly CniVersion[] {
  const { cniVersion, cniVersions } = fields;
  const listed: readonly unknown[] = cniVersions === undefined ? [] : asList(cniVersions, where);
  const texts = (cniVersion === undefined ? listed : [cniVersion, ...listed]).map((text) =>
    versionText(text, where),
  );
  if (texts.length === 0) return [OLDEST_VERSION];

  const found = new Set(texts.map(releasedVersion));
  const versions = CNI_VERSIONS.filter((version) => found.has(version));
  if (versions.length > 0) return versions;

  throw new GantryError(
    'CNI_VERSION_UNSUPPORTED',
    `cannot read ${where}: CNI version ${texts.map(quoted).join(', ')} is not supported`,
    { hint: `supported are ${CNI_VERSIONS.join(', ')}` },
  );
}

function asList(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;

  throw invalid(where, 'cniVersions: not a list');
}

/** An empty version is none at all, as in libcni. */
function versionText(value: unknown, where: string): string {
  if (value === '') return OLDEST_VERSION;
  if (typeof value === 'string' && isVersionNumber(value)) return value;

  // Not `String`: a number kept as it was written has no text of its own.
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  throw invalid(where, `cniVersion: ${quoted(text)} is not a version`);
}

/** A switch; the words stand for the values, as in libcni. */
function readFlag(fields: JsonObject, key: string, where: string): boolean {
  const value = fields[key];
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  if (word === 'true' || word === 'false') return word === 'true';

  throw invalid(where, `${key}: neither true nor false`);
}

function readPlugins(fields: JsonObject, where: string): readonly PluginConfig[] {
  const plugins = fields['plugins'];
  if (plugins === undefined) {
    if (!readFlag(fields, 'loadOnlyInlinedPlugins', where)) return [];
    throw invalid(where, 'plugins: missing, and loadOnlyInlinedPlugins allows no others');
  }
  if (!Array.isArray(plugins)) throw invalid(where, 'plugins: not a list');
  if (plugins.length === 0) throw invalid(where, 'plugins: none are given');

  return plugins.map((plugin: unknown, index) =>
    readPluginConfig(plugin, `${where}: plugins[${index}]`),
  );
}

function describeSource(source: string): string {
  return `the network configuration ${quoted(source)}`;
}

function invalid(where: string, state: string): GantryError {
  return new GantryError('CNI_CONFIG_INVALID', `cannot read ${where}: ${state}`);
}
