import { GantryError } from '#base/errors/gantry-error';
import type { Command } from './unit.ts';

// How text from outside becomes part of a unit file: systemd.syntax(7),
// systemd.service(5) "Command lines", systemd.exec(5) EnvironmentFile=.

/** systemd reads no longer line: LONG_LINE_MAX, less room for the setting's name. */
const MAX_LINE_BYTES = 1024 * 1024 - 128;

/**
 * A value that systemd takes as it is but for specifiers: a description, a
 * word, a path of `BindPaths=` within quotes.
 * @throws GantryError UNIT_VALUE_INVALID for what no line can carry
 */
export function plainValue(text: string, what: string): string {
  if (/\p{Cc}/u.test(text) || text !== text.trim() || text.endsWith('\\')) {
    throw invalid(what, 'it has control characters, spaces at an end, or ends in a backslash');
  }

  return demandShort(text.replaceAll('%', '%%'), what);
}

/** One word of a command line: in quotes, so that only the escapes below mean anything. */
export function commandWord(text: string): string {
  const escaped = text
    .replace(/["\\]/g, '\\$&')
    .replaceAll('%', '%%')
    .replace(/\p{Cc}/gu, escapeControl);

  return `"${escaped}"`;
}

/**
 * The value of `ExecStart=` and its like. The prefix `:` keeps `$` what it is,
 * `@` lets `argv[0]` differ from the path.
 * @throws GantryError APP_EXEC_UNUSABLE for a path that systemd refuses, UNIT_VALUE_INVALID when it is too long
 */
export function commandLine({ prefix = '', path, argv }: Command): string {
  if (/["'\\\p{Cc}]/u.test(path)) {
    throw new GantryError(
      'APP_EXEC_UNUSABLE',
      `cannot execute ${JSON.stringify(path)}: systemd starts no program with quotes, backslashes or control characters in its path`,
    );
  }
  const words = [`${prefix}:@${path}`, ...argv].map(commandWord);

  return demandShort(words.join(' '), `command line of "${path}"`);
}

/** Whether systemd passes a variable on: a name as shells have them, a value of printable characters, tabs and newlines. */
export function isPassable(name: string, value: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/[^\P{Cc}\t\n]/u.test(value);
}

/** Text of an environment file: every value in double quotes, where only the backslash means anything. */
export function formatEnvironmentFile(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `${name}="${value.replace(/["\\`$]/g, '\\$&')}"\n`)
    .join('');
}

/** Reads back what `formatEnvironmentFile` wrote. */
export function parseEnvironmentFile(text: string): Readonly<Record<string, string>> {
  const entries = [...text.matchAll(/^([^=\n]+)="((?:[^"\\]|\\.)*)"$/gms)];

  return Object.fromEntries(
    entries.map(([, name = '', value = '']) => [name, value.replace(/\\(.)/gs, '$1')]),
  );
}

function escapeControl(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  // \x is a byte, \u a code point: the controls beyond ASCII are two bytes each.
  return code < 0x80
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

function demandShort(text: string, what: string): string {
  if (Buffer.byteLength(text) <= MAX_LINE_BYTES) return text;

  throw invalid(what, `longer than ${MAX_LINE_BYTES} bytes`);
}

function invalid(what: string, state: string): GantryError {
  return new GantryError('UNIT_VALUE_INVALID', `cannot write the ${what} into a unit: ${state}`);
}
