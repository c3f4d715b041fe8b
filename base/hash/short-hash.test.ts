import { createHash } from 'node:crypto';
import { assert, property, string, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shortSha512 } from './short-hash.ts';

describe('shortSha512()', () => {
  it('computes what node:crypto computes', () => {
    const reference = (content: string | Uint8Array): string =>
      createHash('sha512').update(content).digest('hex');

    assert(property(string(), (text) => shortSha512(text) === reference(text)));
    assert(property(uint8Array(), (bytes) => shortSha512(bytes) === reference(bytes)));
    expect(shortSha512('')).toMatch(/^cf83e1357eefb8bd/);
  });
});
