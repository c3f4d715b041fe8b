import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, parseJsonObject } from './json.ts';

describe('parseJson()', () => {
  it('keeps numbers that a double cannot hold', () => {
    const text = '{"a":12345678901234567890,"b":-9007199254740993,"c":1.5,"d":[1e400,7]}';

    expect(JSON.stringify(parseJson(text))).toBe(text);
  });

  it('gives back any document unchanged', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const given: unknown = JSON.parse(text);
        expect(JSON.parse(JSON.stringify(parseJson(text)))).toEqual(given);
      }),
    );
  });

  it('keeps a key that is a trap', () => {
    const value = parseJson('{"__proto__":{"polluted":true}}') as object;

    expect(JSON.stringify({ ...value })).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('parseJsonObject()', () => {
  it.each([
    ['', 'not JSON'],
    ['[]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['"x"', 'not a JSON object'],
    ['{"a":', 'not JSON'],
    [`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 'nested too deeply'],
  ])('rejects %.20s', (text, reason) => {
    expect(() => parseJsonObject(text, 'the thing', 'BAD')).toThrow(
      `cannot read the thing: ${reason}`,
    );
  });
});
