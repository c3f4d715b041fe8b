import { GantryError } from '#base/errors/gantry-error';
import { makeIsolator } from '#schema/isolators/isolators-of';
import { parseUnits } from '#schema/types/quantity';
import { readInteger } from './flag-values.ts';
import { BAD_USAGE, usageError } from './usage-error.ts';

/** The flags of one app that become isolators. */
export const ISOLATOR_FLAGS = [
  'memory',
  'cpu',
  'cpu-shares',
  'caps-retain',
  'caps-remove',
  'cap-retain',
  'cap-remove',
  'seccomp',
  'oom-score-adj',
] as const;

type IsolatorFlag = (typeof ISOLATOR_FLAGS)[number];
export type IsolatorFlags = Readonly<Record<IsolatorFlag, string | undefined>>;

/** The least memory that rkt takes: one page. */
const MIN_MEMORY = 4096n;

/** Checks one flag's value; each by the isolator that it will become. */
const CHECKS: Readonly<Record<IsolatorFlag, (text: string) => void>> = {
  memory(text) {
    makeIsolator('resource/memory', { limit: text });
    if (parseUnits(text) < MIN_MEMORY) {
      throw usageError(`cannot read --memory: "${text}" is less than ${MIN_MEMORY} bytes`);
    }
  },
  cpu: (text) => makeIsolator('resource/cpu', { limit: text }),
  'cpu-shares': (text) => readInteger(text, '--cpu-shares', { min: 2, max: 262_144 }),
  'caps-retain': (text) => capabilities('retain', text),
  'caps-remove': (text) => capabilities('remove', text),
  'cap-retain': (text) => capabilities('retain', text),
  'cap-remove': (text) => capabilities('remove', text),
  seccomp: checkSeccomp,
  'oom-score-adj': (text) => readInteger(text, '--oom-score-adj', { min: -1000, max: 1000 }),
};

/**
 * Checks the form of the isolator flags of one app.
 * @returns the names of those that were given
 * @throws GantryError BAD_USAGE
 */
export function checkIsolators(flags: IsolatorFlags): readonly string[] {
  const given = ISOLATOR_FLAGS.filter((name) => flags[name] !== undefined);
  for (const name of given) checkFlag(name, flags[name] ?? '');
  if (
    given.some((name) => name.endsWith('-retain')) &&
    given.some((name) => name.endsWith('-remove'))
  ) {
    throw usageError('flags --caps-retain and --caps-remove exclude each other');
  }

  return given.map((name) => `--${name}`);
}

function checkFlag(name: IsolatorFlag, text: string): void {
  try {
    CHECKS[name](text);
  } catch (cause) {
    throw new GantryError(BAD_USAGE, `cannot read --${name}: "${text}" is not valid`, { cause });
  }
}

function capabilities(mode: 'retain' | 'remove', text: string): void {
  makeIsolator(`os/linux/capabilities-${mode}-set`, { set: text.split(',') });
}

function checkSeccomp(text: string): void {
  const [mode = '', ...items] = text.split(',');
  if (mode !== 'mode=retain' && mode !== 'mode=remove') {
    throw usageError(`"${mode}" is neither mode=retain nor mode=remove`);
  }

  const errors = items.filter((item) => item.startsWith('errno='));
  if (errors.length > 1) throw usageError('more than one errno is given');
  makeIsolator(`os/linux/seccomp-${mode.slice('mode='.length)}-set`, {
    set: items.filter((item) => !errors.includes(item)),
    ...(errors[0] === undefined ? {} : { errno: errors[0].slice('errno='.length) }),
  });
}
