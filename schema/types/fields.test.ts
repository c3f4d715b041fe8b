import { describe, expect, it } from 'vitest';
import { decodeJson, decodeValue } from '#base/decode/decode';
import { objectOf } from './fields.ts';
import { textMap } from './lists.ts';
import { boolean, text } from './scalars.ts';

interface Thing {
  readonly name: string;
  readonly readOnly?: boolean | undefined;
}

const thing = objectOf<Thing>({
  fields: { name: text, readOnly: boolean },
  required: { name: true },
});

const BAD = { what: 'thing', code: 'BAD' } as const;

function read(json: string): unknown {
  return decodeJson(thing, json, BAD);
}

describe('objectOf()', () => {
  it('knows a field in any case, as the decoder of Go does', () => {
    expect(read('{"NAME":"a","readonly":true}')).toEqual({ name: 'a', readOnly: true });
  });

  it('takes null as absent', () => {
    expect(read('{"name":"a","readOnly":null}')).toEqual({ name: 'a' });
    expect(decodeValue(thing, { name: 'a', readOnly: undefined, x: undefined }, BAD)).toEqual({
      name: 'a',
    });
    expect(() => read('{"name":null}')).toThrow('thing: name: is required');
  });

  it.each(['{"name":"a","Name":"b"}', '{"Name":"a","NAME":"b"}', '{"name":null,"Name":"b"}'])(
    'refuses %s: one field in two spellings',
    (json) => {
      expect(() => read(json)).toThrow(/thing: name: is given twice, as "N[a-zA-Z]*" and as /);
    },
  );

  it('keeps what it does not know, in its place, whatever it is called', () => {
    const json =
      '{"x":{"Name":[1,null]},"__proto__":{"a":1},"name":"a","constructor":2,"toString":null}';

    const value = read(json);

    expect(JSON.stringify(value)).toBe(json);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('takes no object of which it knows nothing for its own fields', () => {
    expect(() => read('{"__proto__":{"name":"a"}}')).toThrow('thing: name: is required');
  });

  it.each(['[]', 'null', '"a"', '1'])('refuses %s', (json) => {
    expect(() => read(json)).toThrow('thing: (document): must be an object');
  });

  it('refuses an unknown field that is too deep to be written again', () => {
    const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

    expect(JSON.stringify(read(`{"name":"a","x":${deep(200)}}`))).toContain(deep(200));
    expect(() => read(`{"name":"a","x":${deep(201)}}`)).toThrow('thing: x: is nested too deeply');
    expect(() => read(`{"name":"a","x":${deep(500_000)}}`)).toThrow('x: is nested too deeply');
  });

  it('does not take long over a field in a hundred thousand spellings', () => {
    const spellings = Array.from({ length: 2 ** 15 }, (_, bits) =>
      Array.from('abcdefghijklmno')
        .map((char, at) => ((bits >> at) & 1 ? char.toUpperCase() : char))
        .join(''),
    );
    const long = objectOf<{ readonly abcdefghijklmno?: string | undefined }>({
      fields: { abcdefghijklmno: text },
      required: {},
    });
    const json = `{${spellings.map((key) => `"${key}":"x"`).join(',')}}`;

    const start = performance.now();
    expect(() => decodeJson(long, json, BAD)).toThrow('is given twice');
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('textMap', () => {
  it('keeps every key, also one that means something to JavaScript', () => {
    const json = '{"__proto__":"a","constructor":"b","":"c"}';

    const map = decodeJson(textMap, json, { what: 'map', code: 'BAD' });

    expect(JSON.stringify(map)).toBe(json);
  });

  it('refuses a value that is no text', () => {
    expect(() => decodeJson(textMap, '{"a b":1}', { what: 'map', code: 'BAD' })).toThrow(
      'map: ["a b"]: must be text',
    );
  });
});
