import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isAcIdentifier,
  isAcName,
  parseAcIdentifier,
  parseAcName,
  sanitizeAcName,
} from './names.ts';

describe('parseAcIdentifier()', () => {
  it.each(['a', '0', 'example.com/reduce-worker', 'example.com/~user/app_v1', 'a-b.c_d~e/f'])(
    'takes %s',
    (text) => {
      expect(parseAcIdentifier(text)).toBe(text);
    },
  );

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    'a/../b',
    'A',
    'a b',
    'a:1',
    'ä',
    'a\n',
    '-a',
    'a--b',
    'a/~',
    'a~/b',
    'a/~~b',
  ])('refuses %j', (text) => {
    expect(() => parseAcIdentifier(text)).toThrow(
      expect.objectContaining({ code: 'IDENTIFIER_INVALID' }),
    );
  });

  it('refuses what is long in no time', () => {
    expect(isAcIdentifier(`${'a-'.repeat(500_000)}!`)).toBe(false);
  });
});

describe('parseAcName()', () => {
  it.each(['a', 'product-database-2'])('takes %s', (text) => {
    expect(parseAcName(text)).toBe(text);
  });

  it.each(['', 'a.b', 'a/b', 'a_b', 'a--b', '-a', 'a-', 'Ab', 'a\n'])('refuses %j', (text) => {
    expect(() => parseAcName(text)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('shows what it refuses so that a terminal is safe', () => {
    expect(() => parseAcName('a\u001b[2J')).toThrow('cannot use "a\\u001b[2J" as a name');
  });
});

describe('sanitizeAcName()', () => {
  it.each([
    ['reduce-worker', 'reduce-worker'],
    ['Redis_Server.6', 'redis-server-6'],
    ['..a..b..', 'a-b'],
  ])('makes %s of it: %s', (given, made) => {
    expect(sanitizeAcName(given)).toBe(made);
  });

  it('refuses a text of which nothing is left', () => {
    expect(() => sanitizeAcName('___')).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
  });

  it('makes a name of any text with a letter or digit of ASCII in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom('a', 'Z', '7'),
        (text, letter) => {
          expect(isAcName(sanitizeAcName(text + letter))).toBe(true);
        },
      ),
    );
  });

  it('leaves a name as it is', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]+(-[a-z0-9]+)*$/), (name) => {
        expect(sanitizeAcName(name)).toBe(name);
      }),
    );
  });
});
