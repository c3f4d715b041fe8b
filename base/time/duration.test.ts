import { describe, expect, it } from 'vitest';
import { humanAge, parseDuration } from './duration.ts';

describe('parseDuration()', () => {
  it.each([
    ['0', 0],
    ['30m', 1_800_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['-1s', -1000],
    ['500ms', 500],
    ['250\u00b5s', 0.25],
    ['250\u03bcs', 0.25],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '1', 'h', '1d', '1h-3m', 'five'])('rejects "%s"', (text) => {
    expect(() => parseDuration(text)).toThrow(/cannot read duration/);
  });
});

describe('humanAge()', () => {
  it.each([
    [0, 'just now'],
    [1_000, '1 second ago'],
    [180_000, '3 minutes ago'],
    [86_400_000 * 2, '2 days ago'],
    [-5_000, 'just now'],
  ])('shows %d ms as %s', (age, words) => {
    expect(humanAge(0, age)).toBe(words);
  });
});
