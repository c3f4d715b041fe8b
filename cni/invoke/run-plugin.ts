import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, errorMessage } from '#base/errors/gantry-error';
import type { Exec, ExecResult } from '#base/exec/exec';
import type { Log } from '#base/log/log';
import { isJsonObject, type JsonObject, parseJson } from '../config/json.ts';
import { findPlugin } from './find-plugin.ts';
import type { CniCommand, PluginCall } from './plugin-call.ts';
import {
  type FailureKind,
  pluginFailed,
  type PluginFailure,
  readErrorObject,
} from './plugin-error.ts';

/** How plugins are run: the same for all calls. */
export interface PluginRunner {
  readonly exec: Exec;
  readonly log: Log;
  /** Folders of plugins, searched in order. */
  readonly pluginDirs: readonly string[];
  /** The environment besides `CNI_…`; plugins find iptables, nft and ip by its PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** After so many milliseconds a call is ended; one that is to forward ports gets more for each. */
  readonly timeLimitsMs: Readonly<Record<CniCommand, number>>;
  /** The most that a plugin may print, bytes. */
  readonly maxOutput: number;
}

/** A plugin that hangs is asked to end, and killed after so many milliseconds more. */
const KILL_AFTER_MS = 1000;

/** A plugin that is being written just now: tried again so often, after so many milliseconds. */
const BUSY_TRIES = 5;
const BUSY_WAIT_MS = 200;

/**
 * Runs a plugin.
 * @param signal ends it early
 * @returns the object that it printed; undefined when it printed none
 * @throws GantryError CNI_PLUGIN_NOT_FOUND, CNI_PLUGIN_FAILED (`pluginFailureOf` tells the rest)
 */
export async function runPlugin(
  runner: PluginRunner,
  call: PluginCall,
  signal?: AbortSignal,
): Promise<JsonObject | undefined> {
  const path = findPlugin(call.plugin, runner.pluginDirs, call.network);
  if (isAborted(signal)) throw pluginFailed({ ...identify(call, path), kind: 'aborted' });
  const result = await execute(runner, { call, path, signal });

  const stderr = result.stderr.trim();
  const fail = (kind: FailureKind, extra: Partial<PluginFailure> = {}): Error =>
    pluginFailed({ ...identify(call, path), kind, stderr, ...extra });
  if (result.timedOut) {
    const seconds = timeLimitMs(runner, call) / 1000;
    throw fail('time-limit', { msg: `no end after ${seconds} s` });
  }
  if (result.overflowed) throw fail('too-much-output');
  if (isAborted(signal)) throw fail('aborted');
  if (result.signal !== undefined) throw fail('signal', { details: result.signal });

  const text = result.stdout.toString().trim();
  const output = readOutput(text);
  const reported = readErrorObject(output);
  if (reported !== undefined) {
    const { code: cniCode, msg, details } = reported;
    throw fail('reported', { cniCode, msg, details });
  }
  if (result.exitCode !== 0) {
    throw fail('exit-code', { msg: `exit code ${result.exitCode}`, details: stderr || text });
  }
  if (stderr !== '') runner.log.debug(`plugin ${call.plugin}, ${call.command}: ${stderr}`);

  return output;
}

/**
 * Runs a plugin that has to print an object.
 * @throws GantryError as `runPlugin`
 */
export async function runPluginForOutput(
  runner: PluginRunner,
  call: PluginCall,
  signal?: AbortSignal,
): Promise<JsonObject> {
  const output = await runPlugin(runner, call, signal);
  if (output !== undefined) return output;

  throw badOutput(runner, call, 'it printed no JSON object');
}

/** The error of a plugin that succeeded and printed what it should not have. */
export function badOutput(
  runner: PluginRunner,
  call: PluginCall,
  msg: string,
): ReturnType<typeof pluginFailed> {
  const path = findPlugin(call.plugin, runner.pluginDirs, call.network);

  return pluginFailed({ ...identify(call, path), kind: 'bad-output', msg });
}

interface Execution {
  readonly call: PluginCall;
  readonly path: string;
  readonly signal: AbortSignal | undefined;
}

async function execute(
  runner: PluginRunner,
  { call, path, signal }: Execution,
): Promise<ExecResult> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runner.exec.run({
        argv: [path],
        // Some look for the folder that they are in, and the caller's may be gone.
        cwd: '/',
        env: { ...runner.env, ...call.env },
        input: JSON.stringify(call.config),
        timeoutMs: timeLimitMs(runner, call),
        killAfterMs: KILL_AFTER_MS,
        maxOutput: runner.maxOutput,
        wholeGroup: true,
        signal,
      });
    } catch (cause) {
      if (attempt < BUSY_TRIES && isBeingWritten(cause)) {
        await sleep(BUSY_WAIT_MS);
        continue;
      }
      const msg = errorMessage(cause);
      throw pluginFailed({ ...identify(call, path), kind: 'not-started', msg }, cause);
    }
  }
}

/** The plugin that forwards ports runs iptables several times for each: some 50 ms on a small machine. */
const PER_PORT_MS = 100;

function timeLimitMs({ timeLimitsMs }: PluginRunner, { command, config }: PluginCall): number {
  const { runtimeConfig } = config;
  const ports = isJsonObject(runtimeConfig) ? runtimeConfig['portMappings'] : undefined;

  return timeLimitsMs[command] + (Array.isArray(ports) ? ports.length * PER_PORT_MS : 0);
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function isBeingWritten(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;

  return errorCode(cause) === 'ETXTBSY';
}

function identify(call: PluginCall, path: string): PluginFailure {
  const { plugin, command, network, containerId, ifName } = call;

  return {
    kind: 'reported',
    plugin,
    path,
    command,
    network,
    containerId,
    ifName,
    cniCode: undefined,
    msg: '',
    details: '',
    stderr: '',
  };
}

function readOutput(text: string): JsonObject | undefined {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
