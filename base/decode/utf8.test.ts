import { describe, expect, it } from 'vitest';
import { alteredTexts, utf8Text } from './utf8.ts';

describe('utf8Text()', () => {
  it.each(['', 'a', 'ä\u0000€', '\uFFFD'])('gives "%s" as it is', (text) => {
    expect(utf8Text(Buffer.from(text))).toBe(text);
  });

  it('refuses what is no UTF-8', () => {
    expect(() => utf8Text(Buffer.of(0x61, 0xff))).toThrow('it is not UTF-8');
  });
});

describe('alteredTexts()', () => {
  it('looks at the bytes in doubt only', () => {
    const never = (): never => {
      throw new Error('asked');
    };

    expect(alteredTexts(['a', 'ä'], never)).toEqual([]);
  });

  it('tells what was replaced from what was given', () => {
    const bytes = [Buffer.from('x\uFFFD'), Buffer.of(0x78, 0xff)];

    expect(alteredTexts(['x\uFFFD', 'x\uFFFD'], () => bytes)).toEqual([1]);
  });
});
