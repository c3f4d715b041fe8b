import { describe, expect, it } from 'vitest';
import { AC_VERSION, acVersionProblem } from './sem-ver.ts';

describe('acVersionProblem()', () => {
  it.each([AC_VERSION, '0.5.1', '0.99.0', '0.8.11+git', '0.8.0-rc.1+build.7', '0.8.0-0a'])(
    'finds nothing wrong with %s',
    (text) => {
      expect(acVersionProblem(text)).toBeUndefined();
    },
  );

  it.each([
    '',
    '1',
    '0.8',
    'v0.8.0',
    '0.08.0',
    '0.8.0-',
    '0.8.0-01',
    '0.8.0+',
    '0.8.0 ',
    '0.8.0\n',
  ])('says that %j is no version', (text) => {
    expect(acVersionProblem(text)).toContain('must be a semantic version');
  });

  it('refuses zero, as Go does', () => {
    expect(acVersionProblem('0.0.0')).toBe('must not be zero');
  });

  it.each(['1.0.0', '1.0.0-alpha', '123456789012345678901234567890.0.0'])(
    'refuses %s, a newer major version',
    (text) => {
      expect(acVersionProblem(text)).toContain('of a newer major version than 0.8.11');
    },
  );

  it('does not look at text without end', () => {
    expect(acVersionProblem(`0.8.${'1'.repeat(1_000_000)}`)).toContain(
      'must be a semantic version',
    );
  });
});
