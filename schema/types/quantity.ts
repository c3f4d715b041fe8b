import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';

/**
 * A number with a suffix: `n u m k K M G T P E` (powers of ten), `Ki … Ei`
 * (powers of two) or an exponent (`e3`), as Kubernetes writes them and appc takes them.
 */
const QUANTITY = /^\+?(?=\.?\d)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d\d?)|([KMGTPE]i|[numkKMGTPE]))?$/;

/** The longest text that is looked at. */
const MAX_LENGTH = 64;

/** What a quantity must be, to follow `must be`. */
export const QUANTITY_RULE = 'a quantity such as 1500, 0.5, 250m, 2G or 512Mi';

/** Powers of ten of the decimal suffixes. */
const DECIMAL: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  K: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/** Powers of two of the binary suffixes. */
const BINARY: Readonly<Record<string, bigint>> = {
  Ki: 10n,
  Mi: 20n,
  Gi: 30n,
  Ti: 40n,
  Pi: 50n,
  Ei: 60n,
};

/** The greatest amount in base units: what the kernel's 64-bit counters hold. */
const MAX_UNITS = 2n ** 63n - 1n;

/** A quantity in its base unit (bytes, operations), rounded up; undefined when it is none, negative, or above 2^63-1. */
export function units(text: string): bigint | undefined {
  return scaled(text, 0);
}

/** A quantity in thousandths of its base unit (of a processor core, say), as `units()`. */
export function milliUnits(text: string): bigint | undefined {
  return scaled(text, 3);
}

/**
 * A quantity in its base unit, rounded up.
 * @throws GantryError QUANTITY_INVALID
 */
export function parseUnits(text: string): bigint {
  return units(text) ?? refuse(text);
}

/**
 * A quantity in thousandths of its base unit, rounded up.
 * @throws GantryError QUANTITY_INVALID
 */
export function parseMilliUnits(text: string): bigint {
  return milliUnits(text) ?? refuse(text);
}

/** The quantity times 10^places, rounded up; undefined when it is none or more than 2^63-1 base units. */
function scaled(text: string, places: number): bigint | undefined {
  const match = text.length > MAX_LENGTH ? null : QUANTITY.exec(text);
  if (match === null) return undefined;

  const [, whole = '', fraction = '', exponent, suffix = ''] = match;
  const binary = Object.hasOwn(BINARY, suffix) ? (BINARY[suffix] ?? 0n) : 0n;
  const decimal = Object.hasOwn(DECIMAL, suffix) ? (DECIMAL[suffix] ?? 0) : Number(exponent ?? 0);

  const digits = BigInt(`${whole}${fraction}`) << binary;
  const power = decimal - fraction.length;
  if (timesPowerOfTen(digits, power) > MAX_UNITS) return undefined;

  return timesPowerOfTen(digits, power + places);
}

/** `value` times 10^power, rounded up. */
function timesPowerOfTen(value: bigint, power: number): bigint {
  if (power >= 0) return value * 10n ** BigInt(power);

  const divisor = 10n ** BigInt(-power);

  return (value + divisor - 1n) / divisor;
}

function refuse(text: string): never {
  throw new GantryError(
    'QUANTITY_INVALID',
    `cannot use ${quoted(text)} as an amount: it must be ${QUANTITY_RULE}`,
  );
}
