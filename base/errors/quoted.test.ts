import { describe, expect, it } from 'vitest';
import { quoted } from './quoted.ts';

describe('quoted()', () => {
  it.each([
    ['plain', '"plain"'],
    ['a "b"\n\u001b[2J', '"a \\"b\\"\\n\\u001b[2J"'],
    ['\u009b2J\u202e', '"\\u009b2J\\u202e"'],
    ['\ud800', '"\\ud800"'],
  ])('shows %j so that a terminal cannot be repainted', (given, shown) => {
    expect(quoted(given)).toBe(shown);
  });

  it('shortens what is long', () => {
    expect(quoted('x'.repeat(100_000))).toBe(`"${'x'.repeat(79)}…"`);
  });
});
