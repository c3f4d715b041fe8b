import { isJsonObject, type JsonObject } from '../config/json.ts';
import type { ContainerId, InterfaceName, NetworkName } from '../config/names.ts';
import type { NetworkConfig } from '../config/network-config.ts';
import type { PluginConfig } from '../config/plugin-config.ts';
import { type CniVersion, hasCheck } from '../version/cni-version.ts';
import type { AttachmentParameters, CapabilityArgs } from './parameters.ts';
import { pluginPath } from './find-plugin.ts';

/** The commands of the protocol: spec 1.1, section 2. */
export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC' | 'VERSION';

/** One execution of one plugin, described whole. */
export interface PluginCall {
  readonly command: CniCommand;
  /** The plugin's `type`, which is its file name. */
  readonly plugin: string;
  readonly network: NetworkName | undefined;
  readonly containerId: ContainerId | undefined;
  readonly ifName: InterfaceName | undefined;
  /** The version that is spoken. */
  readonly version: CniVersion;
  /** `CNI_…`; the rest of the environment is the same for all plugins. */
  readonly env: Readonly<Record<string, string>>;
  /** What it reads on standard input. */
  readonly config: JsonObject;
}

/** A network with the version in which its plugins are called. */
export interface NegotiatedNetwork {
  readonly network: NetworkConfig;
  readonly version: CniVersion;
}

/** An attachment that GC is to leave alone. */
export interface ValidAttachment {
  readonly containerId: ContainerId;
  readonly ifName: InterfaceName;
}

interface AttachmentCall {
  readonly command: 'ADD' | 'DEL' | 'CHECK';
  readonly plugin: PluginConfig;
  readonly parameters: AttachmentParameters;
  /** The result of the plugin before (ADD), or of the whole chain (CHECK, DEL), in the form of `version`. */
  readonly prevResult: JsonObject | undefined;
  readonly pluginDirs: readonly string[];
}

/** Describes ADD, DEL or CHECK of one plugin. */
export function describeAttachmentCall(
  { network, version }: NegotiatedNetwork,
  { command, plugin, parameters, prevResult, pluginDirs }: AttachmentCall,
): PluginCall {
  const { containerId, ifName, netns, capabilityArgs, configArgs } = parameters;
  const isPrevResultKnown = command !== 'DEL' || hasCheck(version);

  return {
    command,
    plugin: plugin.type,
    network: network.name,
    containerId,
    ifName,
    version,
    env: {
      ...commandEnv(command, version, pluginDirs),
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifName,
      ...formatArgs(parameters.args ?? []),
    },
    config: {
      ...requestConfig(plugin, network.name, version),
      ...runtimeConfigOf(plugin, capabilityArgs ?? {}),
      ...(configArgs === undefined ? {} : { args: mergeArgs(plugin.fields['args'], configArgs) }),
      ...(prevResult === undefined || !isPrevResultKnown ? {} : { prevResult }),
    },
  };
}

interface NetworkCall {
  readonly command: 'STATUS' | 'GC';
  readonly plugin: PluginConfig;
  /** For GC. */
  readonly valid?: readonly ValidAttachment[];
  readonly pluginDirs: readonly string[];
}

/** Describes STATUS or GC of one plugin, which are of no attachment. */
export function describeNetworkCall(
  { network, version }: NegotiatedNetwork,
  { command, plugin, valid, pluginDirs }: NetworkCall,
): PluginCall {
  const attachments = valid?.map(({ containerId, ifName }) => ({
    containerID: containerId,
    ifname: ifName,
  }));

  return {
    command,
    plugin: plugin.type,
    network: network.name,
    containerId: undefined,
    ifName: undefined,
    version,
    env: commandEnv(command, version, pluginDirs),
    config: {
      ...requestConfig(plugin, network.name, version),
      // The second spelling is what the reference library sent before the spec was set right.
      ...(attachments === undefined
        ? {}
        : { 'cni.dev/valid-attachments': attachments, 'cni.dev/attachments': attachments }),
    },
  };
}

/**
 * Describes VERSION. The other variables are for plugins of 0.1.0, which ask
 * for all of them before they find out that they do not know the command.
 */
export function describeVersionCall(
  plugin: string,
  version: CniVersion,
  pluginDirs: readonly string[],
): PluginCall {
  return {
    command: 'VERSION',
    plugin,
    network: undefined,
    containerId: undefined,
    ifName: undefined,
    version,
    env: {
      ...commandEnv('VERSION', version, pluginDirs),
      CNI_CONTAINERID: 'dummy',
      CNI_NETNS: 'dummy',
      CNI_IFNAME: 'dummy',
    },
    config: { cniVersion: version },
  };
}

function commandEnv(
  command: CniCommand,
  version: CniVersion,
  pluginDirs: readonly string[],
): Readonly<Record<string, string>> {
  return {
    CNI_COMMAND: command,
    CNI_PATH: pluginPath(pluginDirs),
    // A parameter of spec 0.1.0 only.
    ...(version === '0.1.0' ? { CNI_VERSION: version } : {}),
  };
}

function formatArgs(args: readonly (readonly [string, string])[]): Record<string, string> {
  if (args.length === 0) return {};

  return { CNI_ARGS: args.map(([key, value]) => `${key}=${value}`).join(';') };
}

/** Keys of a plugin's object that the runtime makes, and that are no business of the plugin: spec 1.1, section 3. */
const RUNTIME_KEYS: ReadonlySet<string> = new Set(['capabilities', 'runtimeConfig', 'prevResult']);

/** The plugin's own object, unknown fields unchanged, under the network's name and the version that is spoken. */
function requestConfig(plugin: PluginConfig, name: NetworkName, version: CniVersion): JsonObject {
  const own = Object.entries(plugin.fields).filter(
    ([key]) => !RUNTIME_KEYS.has(key) && !key.startsWith('cni.dev/'),
  );

  return { ...Object.fromEntries(own), cniVersion: version, name };
}

/** What is given and what the plugin declares to take, both. */
function runtimeConfigOf(plugin: PluginConfig, given: CapabilityArgs): JsonObject {
  const taken = Object.entries(given).filter(
    ([name, value]) => value !== undefined && plugin.capabilities.includes(name),
  );

  return taken.length === 0 ? {} : { runtimeConfig: Object.fromEntries(taken) };
}

/** `args` of the configuration with what the caller adds under `cni`, as the conventions have it. */
function mergeArgs(configured: unknown, added: JsonObject): JsonObject {
  const args = isJsonObject(configured) ? configured : {};
  const cni = isJsonObject(args['cni']) ? args['cni'] : {};

  return { ...args, cni: { ...cni, ...added } };
}
