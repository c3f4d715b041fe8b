import { expect, it } from 'vitest';
import { parseChallenges } from './challenge.ts';

const plain = (header: string | null) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

it.each<[string | null, unknown]>([
  ['Basic realm="all"', [['basic', { realm: 'all' }]]],
  [
    'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
    [
      [
        'bearer',
        {
          realm: 'https://auth.example/token',
          service: 'reg',
          scope: 'repository:a/b:pull,push',
        },
      ],
    ],
  ],
  [
    'Negotiate, Basic realm="x", charset=UTF-8',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x', charset: 'UTF-8' }],
    ],
  ],
  [
    'NTLM TlRMTVNTUAAC=, Bearer realm = "a\\"b"',
    [
      ['ntlm', {}],
      ['bearer', { realm: 'a"b' }],
    ],
  ],
  [null, []],
  ['', []],
  ['Bearer realm="unterminated', []],
  ['Bearer realm="a", realm="b"', []],
  ['@', []],
  [`Basic realm="${'x'.repeat(20_000)}"`, []],
])('%s', (header, challenges) => {
  expect(plain(header)).toEqual(challenges);
});
