import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nameDir } from './layout.ts';

describe('nameDir()', () => {
  it('gives every name one file name of a length that file systems take', () => {
    const long = `example.com/${'a/'.repeat(150)}`;
    const names = [
      'a/b',
      'a.b',
      'a-b',
      'a',
      `${long}x`,
      `${long}y`,
      'n'.repeat(200),
      'n'.repeat(201),
    ];
    const files = names.map((name) => basename(nameDir('/cas', name)));

    expect(new Set(files).size).toBe(names.length);
    for (const file of files) expect(file.length).toBeLessThanOrEqual(255);
    expect(files[0]).toBe('a+b');
  });
});
