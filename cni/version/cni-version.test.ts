import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CNI_VERSIONS,
  commonVersions,
  hasCheck,
  hasGc,
  isAtLeast,
  isVersionNumber,
  releasedVersion,
} from './cni-version.ts';

describe('releasedVersion()', () => {
  it.each([
    ['0.1', '0.1.0'],
    ['0.3.1', '0.3.1'],
    ['1', '1.0.0'],
    ['1.1', '1.1.0'],
    ['01.00.0', '1.0.0'],
  ])('reads %s as %s', (text, version) => {
    expect(releasedVersion(text)).toBe(version);
  });

  it.each(['', '0', '0.5.0', '1.2.0', '2.0.0', '1.0.0-rc1', 'v1.0.0', ' 1.0.0', '1.0.0.0', '１.0'])(
    'knows no version %j',
    (text) => {
      expect(releasedVersion(text)).toBeUndefined();
    },
  );
});

describe('isVersionNumber()', () => {
  it('tells an unreleased version from what is none', () => {
    expect(isVersionNumber('7.0.1')).toBe(true);
    expect(isVersionNumber('latest')).toBe(false);
    expect(isVersionNumber('1.'.repeat(50_000))).toBe(false);
  });
});

describe('isAtLeast()', () => {
  it('orders all versions', () => {
    const version = fc.constantFrom(...CNI_VERSIONS);
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(isAtLeast(a, b)).toBe(CNI_VERSIONS.indexOf(a) >= CNI_VERSIONS.indexOf(b));
      }),
    );
  });
});

describe('hasCheck() and hasGc()', () => {
  it('know when the commands came', () => {
    expect(CNI_VERSIONS.filter(hasCheck)).toEqual(['0.4.0', '1.0.0', '1.1.0']);
    expect(CNI_VERSIONS.filter(hasGc)).toEqual(['1.1.0']);
  });
});

describe('commonVersions()', () => {
  it('gives what all have, oldest first', () => {
    expect(commonVersions(['1.0.0', '0.4.0'], ['0.4.0', '0.3.1', '1.0.0'])).toEqual([
      '0.4.0',
      '1.0.0',
    ]);
    expect(commonVersions(['1.0.0'], ['0.4.0'])).toEqual([]);
  });
});
