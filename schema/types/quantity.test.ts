import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMilliUnits, parseUnits } from './quantity.ts';

describe('parseUnits()', () => {
  it.each([
    ['0', 0n],
    ['128974848', 128_974_848n],
    ['125952Ki', 128_974_848n],
    ['123Mi', 128_974_848n],
    ['1.5Gi', 1_610_612_736n],
    ['1k', 1000n],
    ['1K', 1000n],
    ['2G', 2_000_000_000n],
    ['12e6', 12_000_000n],
    ['12E6', 12_000_000n],
    ['1E', 10n ** 18n],
    ['.5k', 500n],
    ['5.', 5n],
    ['+7', 7n],
    ['9223372036854775807', 2n ** 63n - 1n],
  ])('reads %s', (text, value) => {
    expect(parseUnits(text)).toBe(value);
  });

  it.each([
    ['0.3', 1n],
    ['1n', 1n],
    ['1500m', 2n],
    ['1.0000000001Ki', 1025n],
  ])('rounds %s up, for who asks for little must get something', (text, value) => {
    expect(parseUnits(text)).toBe(value);
  });

  it.each([
    '',
    '.',
    '-1',
    '1 G',
    '1g',
    '1KiB',
    'Ki',
    '1e',
    '1e100',
    '0x10',
    '1_000',
    '9223372036854775808',
    '8Ei',
    '١',
    '1\n',
    '9'.repeat(100_000),
  ])('refuses %j', (text) => {
    expect(() => parseUnits(text)).toThrow(expect.objectContaining({ code: 'QUANTITY_INVALID' }));
  });

  it('reads every whole number as it is', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (value) => {
        expect(parseUnits(String(value))).toBe(value);
      }),
    );
  });
});

describe('parseMilliUnits()', () => {
  it.each([
    ['250m', 250n],
    ['0.3', 300n],
    ['2', 2000n],
    ['100u', 1n],
    ['1.0005', 1001n],
  ])('reads %s', (text, value) => {
    expect(parseMilliUnits(text)).toBe(value);
  });

  it('is a thousand times the units of a whole number', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom('', 'k', 'Mi', 'G'), (value, suffix) => {
        expect(parseMilliUnits(`${value}${suffix}`)).toBe(1000n * parseUnits(`${value}${suffix}`));
      }),
    );
  });
});
