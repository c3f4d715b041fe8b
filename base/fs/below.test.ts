import { describe, expect, it } from 'vitest';
import { below } from './below.ts';

describe('below()', () => {
  it('puts names behind a directory, whatever it ends in', () => {
    expect(below('/a', 'b', 'c')).toBe('/a/b/c');
    expect(below('/a/', 'b', '')).toBe('/a/b');
    expect(below('/', 'b')).toBe('/b');
    expect(below('/')).toBe('/');
    expect(below('a', '', 'b')).toBe('a/b');
    expect(below('', 'a', 'b')).toBe('a/b');
  });
});
