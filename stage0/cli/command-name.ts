import { COMMANDS, GROUPS } from './command-table.ts';
import { unknownWord, usageError } from './usage-error.ts';

/** Commands of rkt. */
const STILL_TO_COME = ['api-service', 'app', 'metadata-service'];

/**
 * The full name behind a word, which may be an unambiguous beginning of it.
 * @param group the word before it, empty for none
 * @throws GantryError BAD_USAGE
 */
export function expandName(group: string, word: string): string {
  const prefix = group === '' ? '' : `${group} `;
  const names = new Set(
    [...COMMANDS.map((entry) => entry.name), ...Object.keys(GROUPS)]
      .filter((name) => name.startsWith(prefix))
      .map((name) => prefix + (name.slice(prefix.length).split(' ')[0] ?? '')),
  );
  const typed = prefix + word;
  if (names.has(typed)) return typed;

  const shown = visible(names);
  if (STILL_TO_COME.includes(typed)) {
    throw usageError(`command "${typed}" is not supported by this version of gantry`);
  }
  const [only, ...others] = shown.filter((name) => word !== '' && name.startsWith(typed));
  if (only === undefined) throw unknownWord('command', typed, shown);
  if (others.length > 0) {
    throw usageError(`cannot tell which command "${typed}" means: ${[only, ...others].join(', ')}`);
  }

  return only;
}

function visible(names: ReadonlySet<string>): readonly string[] {
  const hidden = COMMANDS.filter((entry) => entry.hidden === true).map((entry) => entry.name);

  return [...names].filter((name) => !hidden.includes(name));
}
