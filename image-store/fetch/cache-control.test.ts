import { describe, expect, it } from 'vitest';
import { maxAgeOf } from './cache-control.ts';
import { retryAfter } from './retry.ts';

describe('maxAgeOf()', () => {
  it.each([
    [{}, undefined],
    [{ 'cache-control': 'public' }, undefined],
    [{ 'cache-control': 'public, Max-Age=60' }, 60],
    [{ 'cache-control': 'max-age="60"' }, 60],
    [{ 'cache-control': 'max-age=60', age: '20' }, 40],
    [{ 'cache-control': 'max-age=60', age: '90' }, 0],
    [{ 'cache-control': 'max-age=60', age: 'old' }, 60],
    [{ 'cache-control': 'max-age=60, no-cache' }, 0],
    [{ 'cache-control': 'max-age=60, no-store' }, 0],
    [{ 'cache-control': 'max-age=-1' }, undefined],
    [{ 'cache-control': 'max-age=99999999999999999999' }, undefined],
    [{ 'cache-control': 's-maxage=60' }, undefined],
  ])('reads %j as %s', (headers: Record<string, string>, seconds) => {
    expect(maxAgeOf({ get: (name) => headers[name] ?? null })).toBe(seconds);
  });
});

describe('retryAfter()', () => {
  const now = Date.parse('2026-11-22T00:00:00Z');

  it.each([
    [null, undefined],
    ['2', 2000],
    ['Sun, 22 Nov 2026 00:00:05 GMT', 5000],
    ['Sat, 21 Nov 2026 00:00:05 GMT', 0],
    ['soon', undefined],
  ])('reads "%s" as %s ms', (header, ms) => {
    expect(retryAfter(header, now)).toBe(ms);
  });
});
