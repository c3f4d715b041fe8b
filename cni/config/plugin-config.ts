import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { isJsonObject, type JsonObject } from './json.ts';

/** One plugin of a network, as configured. */
export interface PluginConfig {
  /** The plugin's file name. */
  readonly type: string;
  /** The file name of the IPAM plugin that it runs itself; undefined when it has none. */
  readonly ipamType: string | undefined;
  /** What it declares to take as `runtimeConfig`. */
  readonly capabilities: readonly string[];
  /** The whole object, unknown fields included. */
  readonly fields: JsonObject;
}

/**
 * Plugins that run what stands in `ipam.type` with the very configuration they
 * got. One of them standing there itself would run itself without end.
 */
const INTERFACE_PLUGINS: ReadonlySet<string> = new Set([
  'bridge',
  'dummy',
  'flannel',
  'host-device',
  'ipvlan',
  'macvlan',
  'ptp',
  'tap',
  'vlan',
]);

/**
 * Reads the object of one plugin.
 * @param where the document and the place in it, for errors
 * @throws GantryError CNI_CONFIG_INVALID, CNI_CONFIG_CYCLIC
 */
export function readPluginConfig(value: unknown, where: string): PluginConfig {
  if (!isJsonObject(value)) throw invalid(where, 'not a JSON object');

  const type = pluginType(value['type'], `${where}: type`);
  const ipamType = readIpamType(value['ipam'], where);
  if (ipamType !== undefined && (ipamType === type || INTERFACE_PLUGINS.has(ipamType))) {
    throw new GantryError(
      'CNI_CONFIG_CYCLIC',
      `cannot read ${where}: ipam.type: ${quoted(ipamType)} would run itself without end`,
      { hint: 'name a plugin that manages addresses, such as host-local, static or dhcp' },
    );
  }

  return { type, ipamType, capabilities: readCapabilities(value, where), fields: value };
}

/**
 * The file name of a plugin: never a path, so that only the caller's folders
 * are searched.
 * @throws GantryError CNI_CONFIG_INVALID
 */
function pluginType(value: unknown, where: string): string {
  if (typeof value !== 'string') {
    throw invalid(where, value === undefined ? 'missing' : 'not a string');
  }
  if (value === '') throw invalid(where, 'empty');
  if (value === '.' || value === '..' || /[/\\\p{Cc}]/u.test(value) || value.length > 200) {
    throw invalid(where, `${quoted(value)} is not the name of a file`);
  }

  return value;
}

function readIpamType(ipam: unknown, where: string): string | undefined {
  if (ipam === undefined || ipam === null) return undefined;
  if (!isJsonObject(ipam)) throw invalid(`${where}: ipam`, 'not a JSON object');

  const type = ipam['type'];
  if (type === undefined || type === null || type === '') return undefined;

  return pluginType(type, `${where}: ipam.type`);
}

function readCapabilities(value: JsonObject, where: string): readonly string[] {
  const capabilities = value['capabilities'];
  if (capabilities === undefined || capabilities === null) return [];
  if (!isJsonObject(capabilities)) throw invalid(`${where}: capabilities`, 'not a JSON object');

  return Object.entries(capabilities).flatMap(([name, supported]) => {
    if (typeof supported !== 'boolean') {
      throw invalid(`${where}: capabilities: ${quoted(name)}`, 'neither true nor false');
    }
    return supported ? [name] : [];
  });
}

function invalid(where: string, state: string): GantryError {
  return new GantryError('CNI_CONFIG_INVALID', `cannot read ${where}: ${state}`);
}
