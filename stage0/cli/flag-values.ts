import { parseDuration } from '#base/time/duration';
import { isEnvironmentName } from '#schema/types/name-values';
import {
  isAcIdentifier,
  AC_IDENTIFIER_RULE,
  type AcName,
  isAcName,
  AC_NAME_RULE,
} from '#schema/types/names';
import { parseBoolean } from './option.ts';
import { usageError } from './usage-error.ts';

// Readers of the values that several flags have in common. `flag` is the flag
// as the user writes it, for the error.

/** @throws GantryError BAD_USAGE */
export function readName(text: string, flag: string): AcName {
  if (isAcName(text)) return text;

  throw usageError(`cannot read ${flag}: "${text}" is no name`, `a name is ${AC_NAME_RULE}`);
}

/** How a pod is called. @throws GantryError BAD_USAGE also for what could be a whole UUID */
export function readPodName(text: string | undefined): AcName | undefined {
  if (text === undefined) return undefined;
  const name = readName(text, '--pod-name');
  if (name.length > MAX_POD_NAME) {
    throw usageError(`cannot read --pod-name: it is longer than ${MAX_POD_NAME} characters`);
  }
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name)) {
    throw usageError(`cannot read --pod-name: "${name}" would be taken for a UUID`);
  }

  return name;
}

/** Of a name in DNS (RFC 1035, 2.3.4), so that a pod can be found there by its own. */
const MAX_POD_NAME = 63;

/** What must not be empty when it is given. @throws GantryError BAD_USAGE */
export function readText(text: string | undefined, flag: string): string | undefined {
  if (text === '') throw usageError(`flag ${flag} needs a value: it is empty`);

  return text;
}

/** An absolute path without `..`, without a slash at its end. @throws GantryError BAD_USAGE */
export function readAbsolutePath(text: string, flag: string): string {
  if (!text.startsWith('/')) throw usageError(`cannot read ${flag}: "${text}" is no absolute path`);
  if (text.split('/').includes('..')) {
    throw usageError(`cannot read ${flag}: "${text}" leads through ".."`);
  }

  return text.length > 1 ? text.replace(/\/+$/, '') || '/' : text;
}

/** A whole number from `min` to `max`, in decimal. @throws GantryError BAD_USAGE */
export function readInteger(
  text: string,
  flag: string,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;

  throw usageError(`cannot read ${flag}: "${text}" is no whole number from ${min} to ${max}`);
}

/** A duration that is not negative, in milliseconds. @throws GantryError BAD_USAGE, INVALID_DURATION */
export function readPeriod(text: string, flag: string): number {
  const period = parseDuration(text);
  if (period >= 0) return period;

  throw usageError(`cannot read ${flag}: "${text}" is less than nothing`);
}

/** How long to wait, in milliseconds; a negative duration means for ever. @throws GantryError INVALID_DURATION */
export function readPatience(text: string): number {
  const period = parseDuration(text);

  return period < 0 ? Number.POSITIVE_INFINITY : period;
}

/** Cuts `NAME=VALUE` at the first `=`. @throws GantryError BAD_USAGE */
export function readAssignment(text: string, flag: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw usageError(`cannot read ${flag}: "${text}" is not NAME=VALUE`);

  return [text.slice(0, at), text.slice(at + 1)];
}

/** What a name before `=` must be. */
export type NameRule = 'variable' | 'identifier' | 'any';

/**
 * Reads the `NAME=VALUE` of a repeated flag into one record.
 * @throws GantryError BAD_USAGE for a name that is given twice or breaks the rule
 */
export function readAssignments(
  texts: readonly string[],
  flag: string,
  rule: NameRule,
): Readonly<Record<string, string>> {
  const entries = new Map<string, string>();
  for (const text of texts) {
    const [name, value] = readAssignment(text, flag);
    checkName(name, flag, rule);
    if (entries.has(name)) throw usageError(`cannot read ${flag}: "${name}" is given twice`);
    entries.set(name, value);
  }

  return Object.fromEntries(entries);
}

function checkName(name: string, flag: string, rule: NameRule): void {
  if (rule === 'variable' && !isEnvironmentName(name)) {
    throw usageError(`cannot read ${flag}: "${name}" is no name of a variable`);
  }
  if (rule === 'identifier' && !isAcIdentifier(name)) {
    throw usageError(
      `cannot read ${flag}: "${name}" is no identifier`,
      `an identifier is ${AC_IDENTIFIER_RULE}`,
    );
  }
}

/**
 * Reads `key=value,key=value`. A comma belongs to the value unless a key and
 * `=` follow it, so that paths may hold commas.
 * @param keys those that there may be
 * @throws GantryError BAD_USAGE
 */
export function readFields<Key extends string>(
  text: string,
  flag: string,
  keys: readonly Key[],
): Readonly<Partial<Record<Key, string>>> {
  const fields: Partial<Record<Key, string>> = {};
  for (const part of text.split(/,(?=[A-Za-z]*=)/)) {
    const [name, value] = readAssignment(part, flag);
    const key = keys.find((one) => one === name);
    if (key === undefined) {
      throw usageError(`cannot read ${flag}: unknown key "${name}"`, `keys are ${keys.join(', ')}`);
    }
    if (fields[key] !== undefined) throw usageError(`cannot read ${flag}: "${key}" is given twice`);
    fields[key] = value;
  }

  return fields;
}

/** Reads an optional truth value among fields. @throws GantryError BAD_USAGE */
export function readOptionalBoolean(text: string | undefined, flag: string): boolean | undefined {
  return text === undefined ? undefined : parseBoolean(text, flag);
}

/** One of several words. @throws GantryError BAD_USAGE */
export function readChoice<Choice extends string>(
  text: string,
  flag: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;

  throw usageError(`cannot read ${flag}: unknown "${text}"`, `it is one of ${choices.join(', ')}`);
}
