import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { decodeJson } from './decode.ts';

const schema = v.object({ app: v.object({ ports: v.array(v.object({ port: v.number() })) }) });
const options = { what: 'image manifest', code: 'BAD' };

describe('decodeJson()', () => {
  it('gives the checked value', () => {
    expect(decodeJson(schema, '{"app":{"ports":[{"port":1}]}}', options).app.ports).toEqual([
      { port: 1 },
    ]);
  });

  it('names the path inside the document', () => {
    expect(() =>
      decodeJson(schema, '{"app":{"ports":[{"port":1},{"port":"x"}]}}', options),
    ).toThrow(/image manifest: app\.ports\[1\]\.port: /);
  });

  it('quotes a key that is not a plain word', () => {
    expect(() =>
      decodeJson(v.record(v.string(), v.number()), '{"a b\\u001b[2J":"x"}', options),
    ).toThrow('image manifest: ["a b\\u001b[2J"]: ');
  });

  it('says that text is not JSON', () => {
    expect(() => decodeJson(schema, '{', options)).toThrow('cannot read image manifest: not JSON');
  });
});
