import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { isJsonObject, type JsonObject } from '../config/json.ts';

/** The error codes that the specification reserves: spec 1.1, section 5; 8 and 999 are libcni's own. */
export const CNI_CODE = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  ioFailure: 5,
  decodingFailure: 6,
  invalidConfig: 7,
  invalidNetns: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  internal: 999,
} as const;

const CODE_WORDS: Readonly<Record<number, string>> = {
  1: 'incompatible CNI version',
  2: 'unsupported field in the configuration',
  3: 'unknown container',
  4: 'invalid environment variables',
  5: 'input or output failed',
  6: 'cannot decode what it was given',
  7: 'invalid network configuration',
  8: 'invalid network namespace',
  11: 'try again later',
  50: 'not available',
  51: 'not available, and existing containers may have limited connectivity',
  999: 'internal error',
};

/** What a plugin said in its error object. */
export interface PluginErrorObject {
  readonly code: number;
  readonly msg: string;
  readonly details: string;
}

/** How a call of a plugin failed. */
export type FailureKind =
  /** It said so, with an error object. */
  | 'reported'
  /** It ended with an exit code other than 0 and said nothing that could be read. */
  | 'exit-code'
  | 'signal'
  | 'time-limit'
  | 'aborted'
  | 'too-much-output'
  /** It succeeded, but its output is no JSON object, or not one that was asked for. */
  | 'bad-output'
  | 'not-started';

/** Everything known about a plugin call that failed. */
export interface PluginFailure {
  readonly kind: FailureKind;
  /** The plugin's `type`. */
  readonly plugin: string;
  readonly path: string;
  /** ADD, DEL, … */
  readonly command: string;
  /** For whose sake it was called; undefined where only its versions were asked for. */
  readonly network: string | undefined;
  readonly containerId: string | undefined;
  readonly ifName: string | undefined;
  /** The numbers of `CNI_CODE`, or 100 and more of the plugin's own; undefined when it reported none. */
  readonly cniCode: number | undefined;
  readonly msg: string;
  readonly details: string;
  /** What it printed on standard error, its last part. */
  readonly stderr: string;
}

/** The error of a failed plugin call: code CNI_PLUGIN_FAILED. */
export interface PluginFailedError extends GantryError<'CNI_PLUGIN_FAILED'> {
  readonly failure: PluginFailure;
}

/** How much of a plugin's standard error is kept, characters; its last words are what counts. */
const STDERR_KEPT = 4096;
/** How much of each of its texts. */
const TEXT_KEPT = 4096;
/** How much of each is shown. */
const TEXT_SHOWN = 400;

/** Makes the error of a failed plugin call. */
export function pluginFailed(failure: PluginFailure, cause?: unknown): PluginFailedError {
  const kept: PluginFailure = { ...failure, stderr: failure.stderr.slice(-STDERR_KEPT) };
  const error = new GantryError('CNI_PLUGIN_FAILED', describe(kept), {
    cause,
    hint: hintOf(kept),
  });

  return Object.assign(error, { failure: kept });
}

/** What is known about the plugin call that an error tells of; undefined when it tells of none. */
export function pluginFailureOf(error: unknown): PluginFailure | undefined {
  if (typeof error !== 'object' || error === null || !('failure' in error)) return undefined;

  return (error as PluginFailedError).failure;
}

/**
 * The error object in a plugin's output. Nothing but `code` and `msg` tells it
 * from a result; a plugin that exits with 0 and prints one has failed too.
 * @returns undefined when the output is no error object
 */
export function readErrorObject(output: JsonObject | undefined): PluginErrorObject | undefined {
  if (!isJsonObject(output)) return undefined;
  const { code, msg, details } = output;
  if (typeof code !== 'number' || !Number.isSafeInteger(code) || code < 0) return undefined;
  if (typeof msg !== 'string' && typeof details !== 'string') return undefined;

  return { code, msg: keep(msg), details: keep(details) };
}

function keep(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, TEXT_KEPT) : '';
}

function describe(failure: PluginFailure): string {
  const { kind, plugin, command, network, cniCode, msg, details, stderr } = failure;
  const of = network === undefined ? '' : ` of the network ${quoted(network)}`;
  const code = cniCode === undefined ? '' : ` (code ${codeWords(cniCode)})`;
  const said = [msg, details].map(shown).filter((words) => words !== '');
  const isAllSaid = said.length > 0 && kind !== 'time-limit';
  const words = isAllSaid ? said : [...said, ...stderrWords(stderr)];

  return `cannot ${ACTIONS[command] ?? command} with the plugin ${quoted(plugin)}${of}: ${KIND_WORDS[kind]}${code}${words.length === 0 ? '' : `: ${words.join('; ')}`}`;
}

const ACTIONS: Readonly<Record<string, string>> = {
  ADD: 'attach',
  DEL: 'detach',
  CHECK: 'check the attachment',
  STATUS: 'ask for readiness',
  GC: 'collect what is stale',
  VERSION: 'ask for the versions',
};

const KIND_WORDS: Readonly<Record<FailureKind, string>> = {
  reported: 'it failed',
  'exit-code': 'it failed without saying why',
  signal: 'it was ended by a signal',
  'time-limit': 'it ran out of time and was ended',
  aborted: 'it was ended, because the whole was given up',
  'too-much-output': 'it printed more than it may and was ended',
  'bad-output': 'what it printed cannot be used',
  'not-started': 'it cannot be started',
};

function codeWords(code: number): string {
  const words = CODE_WORDS[code];

  return words === undefined ? String(code) : `${code}, ${words}`;
}

function stderrWords(stderr: string): readonly string[] {
  const last = shown(stderr.trim().split('\n').slice(-3).join(' '));

  return last === '' ? [] : [last];
}

/** A plugin's words on one line, without what could repaint a terminal. */
function shown(words: string): string {
  const line = words.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();

  return line.length > TEXT_SHOWN ? `${line.slice(0, TEXT_SHOWN - 1)}…` : line;
}

function hintOf({ kind, cniCode }: PluginFailure): string | undefined {
  if (cniCode === CNI_CODE.tryAgainLater) return 'the plugin says that a later try may succeed';
  if (cniCode === CNI_CODE.incompatibleVersion) {
    return 'set "cniVersion" of the configuration to one that the plugin supports';
  }

  return kind === 'time-limit' ? 'what the plugin waits for may be gone, or busy' : undefined;
}
