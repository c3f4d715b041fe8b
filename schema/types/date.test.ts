import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTimestamp } from './date.ts';

describe('isTimestamp()', () => {
  it.each([
    '2014-10-27T19:32:27Z',
    '2014-10-27T19:32:27.67021798Z',
    '2015-05-18T13:49:28.351729952-04:00',
    '2000-02-29T00:00:00Z',
  ])('takes %s', (text) => {
    expect(isTimestamp(text)).toBe(true);
  });

  it.each([
    '2014-10-27 19:32:27Z',
    '2014-10-27T19:32:27',
    '2014-10-27t19:32:27z',
    '2014-13-01T00:00:00Z',
    '2014-00-01T00:00:00Z',
    '2014-04-31T00:00:00Z',
    '2014-04-00T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2014-10-27T24:00:00Z',
    '2014-10-27T00:60:00Z',
    '2014-10-27T00:00:60Z',
    '2014-10-27T00:00:00+24:00',
    '2014-10-27T00:00:00+00:60',
    '2014-10-27T00:00:00Z\n',
    'now',
  ])('refuses %j', (text) => {
    expect(isTimestamp(text)).toBe(false);
  });

  it('takes every point in time that JavaScript writes', () => {
    fc.assert(
      fc.property(
        fc.date({
          min: new Date('0000-01-01T00:00:00Z'),
          max: new Date('9999-12-31T23:59:59Z'),
          noInvalidDate: true,
        }),
        (date) => {
          expect(isTimestamp(date.toISOString())).toBe(true);
        },
      ),
    );
  });
});
