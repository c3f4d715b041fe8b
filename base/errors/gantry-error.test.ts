import { describe, expect, it } from 'vitest';
import { causeChain, errorCode, GantryError, isGantryError, redact } from './gantry-error.ts';

describe('isGantryError()', () => {
  it('tells ours from others and matches one of several codes', () => {
    const error = new GantryError('POD_NOT_FOUND', 'cannot find pod "x": no such pod');

    expect(isGantryError(error)).toBe(true);
    expect(isGantryError(error, 'A', 'POD_NOT_FOUND')).toBe(true);
    expect(isGantryError(error, 'A')).toBe(false);
    expect(isGantryError(new Error('x'))).toBe(false);
    expect(isGantryError(undefined)).toBe(false);
  });
});

describe('causeChain()', () => {
  it('lists messages outermost first, once each, and survives a circle', () => {
    const inner: Error = new Error('inner');
    const outer = new GantryError('X', 'outer', { cause: inner });
    inner.cause = outer;

    expect(causeChain(outer)).toEqual(['outer', 'inner']);
  });

  it('leaves out what was just said', () => {
    const cause = new Error('no space', { cause: new Error('') });

    expect(causeChain(new Error('cannot write: no space', { cause }))).toEqual([
      'cannot write: no space',
    ]);
  });
});

describe('redact()', () => {
  it.each([
    ['https://me:secret@host/x', 'https://***:***@host/x'],
    ['Authorization: Bearer abcdefgh.ij', 'Authorization: Bearer ***'],
    ['https://h/x?X-Amz-Signature=0123&y=1', 'https://h/x?X-Amz-Signature=***&y=1'],
    ['nothing here', 'nothing here'],
  ])('turns %s into %s', (given, shown) => {
    expect(redact(given)).toBe(shown);
  });

  it('is applied where an error is built', () => {
    expect(new GantryError('X', 'cannot get https://a:b@h/').message).not.toContain('a:b');
  });
});

describe('errorCode()', () => {
  it('gives the code of system errors and ours, else undefined', () => {
    expect(errorCode(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe('ENOENT');
    expect(errorCode('x')).toBeUndefined();
  });
});
