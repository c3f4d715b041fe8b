import { GantryError } from '../errors/gantry-error.ts';

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  '\u00b5s': 1e-3,
  '\u03bcs': 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Parses a duration as Go's time.ParseDuration takes it (`1h30m`, `300ms`,
 * `-1s`, `0`), which is what rkt's flags are written in.
 * @returns milliseconds
 * @throws GantryError INVALID_DURATION
 */
export function parseDuration(text: string): number {
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|[\u00b5\u03bc]s|ms|s|m|h))+$/.exec(text);
  if (/^[+-]?0$/.test(text)) return 0;
  if (match === null) {
    throw new GantryError('INVALID_DURATION', `cannot read duration "${text}"`, {
      hint: 'write it as in 30m, 1h30m or 500ms',
    });
  }

  const sign = match[1] === '-' ? -1 : 1;
  const parts = text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|[\u00b5\u03bc]s|ms|s|m|h)/g);
  let total = 0;
  for (const [, amount = '0', unit = 's'] of parts) {
    total += Number(amount) * (UNITS[unit] ?? 0);
  }

  return sign * total;
}

const AGES: readonly (readonly [seconds: number, word: string])[] = [
  [31_536_000, 'year'],
  [2_592_000, 'month'],
  [604_800, 'week'],
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];

/** How long ago `then` was, both in milliseconds since 1970, in words: `3 minutes ago`. */
export function humanAge(then: number, now: number): string {
  const seconds = Math.floor((now - then) / 1000);
  const found = AGES.find(([size]) => seconds >= size);
  if (found === undefined) return 'just now';

  const count = Math.floor(seconds / found[0]);
  return `${count} ${found[1]}${count === 1 ? '' : 's'} ago`;
}
