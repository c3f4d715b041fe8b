import { describe, expect, it } from 'vitest';
import { createPathFilter } from './path-filter.ts';

describe('createPathFilter()', () => {
  it('is none when no list names anything', () => {
    expect(createPathFilter([[], []])).toBeUndefined();
  });

  it('keeps what a list names and the directories above it, nothing below', () => {
    const filter = createPathFilter([['/usr/bin/app', '/etc']]);

    expect(filter?.keeps('', 'directory')).toBe(true);
    expect(filter?.keeps('usr/bin/app', 'file')).toBe(true);
    expect(filter?.keeps('usr/bin', 'directory')).toBe(true);
    expect(filter?.keeps('etc', 'directory')).toBe(true);
    expect(filter?.keeps('etc/passwd', 'file')).toBe(false);
    expect(filter?.keeps('usr/lib', 'directory')).toBe(false);
  });

  it('drops a link or file where a directory is needed', () => {
    const filter = createPathFilter([['/usr/bin/app']]);

    expect(filter?.keeps('usr', 'symlink')).toBe(false);
    expect(filter?.keeps('usr', 'file')).toBe(false);
  });

  it('demands that every list names it', () => {
    const filter = createPathFilter([['/a', '/b'], [], ['/b', '/c']]);

    expect(filter?.keeps('a', 'file')).toBe(false);
    expect(filter?.keeps('b', 'file')).toBe(true);
    expect(filter?.keeps('c', 'file')).toBe(false);
  });
});
