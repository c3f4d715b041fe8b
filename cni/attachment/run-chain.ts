import type { GantryError } from '#base/errors/gantry-error';
import { isGantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { JsonObject } from '../config/json.ts';
import type { PluginConfig } from '../config/plugin-config.ts';
import { expectGantryError } from '../invoke/further-failures.ts';
import type { AttachmentParameters } from '../invoke/parameters.ts';
import {
  describeAttachmentCall,
  type NegotiatedNetwork,
  type PluginCall,
} from '../invoke/plugin-call.ts';
import { CNI_CODE, pluginFailureOf } from '../invoke/plugin-error.ts';
import {
  badOutput,
  type PluginRunner,
  runPlugin,
  runPluginForOutput,
} from '../invoke/run-plugin.ts';
import { isNetns } from '../netns/is-netns.ts';
import { formatResult } from '../result/format-result.ts';
import { parseResult } from '../result/parse-result.ts';
import type { CniResult } from '../result/result.ts';
import { type CniVersion, releasedVersion } from '../version/cni-version.ts';

/** A result, and the same as it is handed to plugins, in the form of the version that is spoken. */
export interface ChainResult {
  readonly result: CniResult;
  readonly raw: JsonObject;
}

/** What a chain of plugins is run with. */
export interface Chain {
  readonly negotiated: NegotiatedNetwork;
  readonly parameters: AttachmentParameters;
  readonly signal?: AbortSignal | undefined;
}

/** How far ADD came. */
export type AddOutcome =
  | { readonly done: true; readonly result: ChainResult }
  | {
      readonly done: false;
      readonly error: GantryError;
      /** The plugins that were run, the one that failed last. */
      readonly plugins: readonly PluginConfig[];
      /** What the last one that succeeded gave. */
      readonly last: ChainResult | undefined;
    };

/** Runs ADD of every plugin of a network in order, each with the result of the one before. */
export async function addChain(runner: PluginRunner, chain: Chain): Promise<AddOutcome> {
  const { negotiated, parameters, signal } = chain;
  const { plugins } = negotiated.network;
  let last: ChainResult | undefined;

  for (const [index, plugin] of plugins.entries()) {
    const call = describeAttachmentCall(negotiated, {
      command: 'ADD',
      plugin,
      parameters,
      prevResult: last?.raw,
      pluginDirs: runner.pluginDirs,
    });
    try {
      last = readAddResult(runner, call, await runPluginForOutput(runner, call, signal));
    } catch (thrown) {
      const error = expectGantryError(thrown);
      return { done: false, error, plugins: plugins.slice(0, index + 1), last };
    }
  }
  if (last === undefined) throw new Error('a network without plugins');

  return { done: true, result: last };
}

/** What DEL is run of, and the final result of ADD. */
export interface DeleteTargets {
  readonly plugins: readonly PluginConfig[];
  readonly raw: JsonObject | undefined;
  /** Whether ADD never came to its end. */
  readonly unfinished: boolean;
}

/**
 * Runs DEL of plugins, the last one first. One that fails does not keep the
 * others from cleaning up, so unlike in spec 1.1, section 3, the chain goes on.
 * The final result of ADD goes to all of them, if they know what to do with it.
 * @returns what failed; a container that a plugin does not know is no failure
 */
export async function deleteChain(
  runner: PluginRunner,
  chain: Chain,
  { plugins, raw, unfinished }: DeleteTargets,
): Promise<readonly GantryError[]> {
  const failures: GantryError[] = [];
  for (const plugin of plugins.toReversed()) {
    const call = describeDelete(runner, chain, { plugin, raw });
    try {
      await runDelete(runner, call, { chain, mayDropArgs: unfinished });
    } catch (error) {
      const isUnknown = pluginFailureOf(error)?.cniCode === CNI_CODE.unknownContainer;
      if (isUnknown) continue;
      failures.push(...(await deleteRest(runner, { call, plugin, chain }, error)));
    }
  }

  return failures;
}

function describeDelete(
  runner: PluginRunner,
  { negotiated, parameters }: Chain,
  { plugin, raw }: { readonly plugin: PluginConfig; readonly raw: JsonObject | undefined },
): PluginCall {
  // A path that leads to no namespace any more makes some plugins fail; none at all does not.
  const { netns } = parameters;

  return describeAttachmentCall(negotiated, {
    command: 'DEL',
    plugin,
    parameters: { ...parameters, netns: isNetns(netns) ? netns : '' },
    prevResult: raw,
    pluginDirs: runner.pluginDirs,
  });
}

interface DeleteRun {
  readonly chain: Chain;
  readonly mayDropArgs: boolean;
}

/**
 * Arguments that made ADD fail make DEL fail too, for ever: of an attachment
 * that never came to be the plugin is asked again without them.
 */
async function runDelete(
  runner: PluginRunner,
  call: PluginCall,
  { chain: { signal }, mayDropArgs }: DeleteRun,
): Promise<void> {
  try {
    await runPlugin(runner, call, signal);
  } catch (error) {
    const isRefused = ['reported', 'exit-code'].includes(pluginFailureOf(error)?.kind ?? '');
    const { CNI_ARGS: args = '', ...env } = call.env;
    if (!mayDropArgs || !isRefused || args === '') throw error;
    try {
      await runPlugin(runner, { ...call, env }, signal);
    } catch {
      throw error;
    }
  }
}

interface FailedDelete {
  readonly call: PluginCall;
  readonly plugin: PluginConfig;
  readonly chain: Chain;
}

/**
 * What is left to do when DEL of a plugin has failed. The first plugin of a
 * chain makes the interface; when the namespace is gone, so is the interface,
 * and all that DEL can still do is free the address. Some plugins fail before
 * they come to that (macvlan when its master is gone, say), for ever: then the
 * IPAM plugin is asked in their place.
 */
async function deleteRest(
  runner: PluginRunner,
  { call, plugin, chain }: FailedDelete,
  thrown: unknown,
): Promise<readonly GantryError[]> {
  const error = expectGantryError(thrown);
  const isInterfaceGone =
    plugin === chain.negotiated.network.plugins[0] && !isNetns(chain.parameters.netns);
  if (!isInterfaceGone) return [error];

  if (plugin.ipamType !== undefined) {
    try {
      await runPlugin(runner, { ...call, plugin: plugin.ipamType }, chain.signal);
    } catch (second) {
      return [error, expectGantryError(second)];
    }
  }
  runner.log.warning(`${error.message}; passed over, as its network namespace is gone`);

  return [];
}

/**
 * Runs CHECK of every plugin in order, up to the first that finds fault.
 * @throws GantryError CNI_PLUGIN_NOT_FOUND, CNI_PLUGIN_FAILED
 */
export async function checkChain(
  runner: PluginRunner,
  chain: Chain,
  raw: JsonObject,
): Promise<void> {
  const { negotiated, parameters, signal } = chain;
  for (const plugin of negotiated.network.plugins) {
    const call = describeAttachmentCall(negotiated, {
      command: 'CHECK',
      plugin,
      parameters,
      prevResult: raw,
      pluginDirs: runner.pluginDirs,
    });
    await runPlugin(runner, call, signal);
  }
}

/** A result that states no version has that of its configuration; one of another version is converted. */
function readAddResult(runner: PluginRunner, call: PluginCall, output: JsonObject): ChainResult {
  const version = statedVersion(runner, call, output['cniVersion']);
  const what = `the result of the plugin ${quoted(call.plugin)}`;
  let result: CniResult;
  try {
    result = parseResult(output, version, { what, code: 'CNI_RESULT_INVALID' });
  } catch (error) {
    if (!isGantryError(error, 'CNI_RESULT_INVALID')) throw error;
    throw badOutput(runner, call, error.message);
  }
  const raw =
    version === call.version
      ? { ...output, cniVersion: version }
      : formatResult(result, call.version);

  return { result, raw };
}

function statedVersion(runner: PluginRunner, call: PluginCall, stated: unknown): CniVersion {
  if (stated === undefined || stated === null || stated === '') return call.version;
  const version = typeof stated === 'string' ? releasedVersion(stated) : undefined;
  if (version !== undefined) return version;

  const shown = quoted(JSON.stringify(stated));
  throw badOutput(runner, call, `its cniVersion ${shown} is not known`);
}
