import { describe, expect, it } from 'vitest';
import {
  hostLabels,
  labelsMatch,
  labelsFault,
  labelValue,
  makeLabels,
  OS_ARCHITECTURES,
} from './labels.ts';

const labels = makeLabels([
  ['version', '1.0.0'],
  ['os', 'linux'],
  ['arch', 'amd64'],
]);

describe('labelsMatch()', () => {
  it('wants every label that was asked for, with an equal value', () => {
    expect(labelsMatch([], labels)).toBe(true);
    expect(labelsMatch(makeLabels([['version', '1.0.0']]), labels)).toBe(true);
    expect(labelsMatch(makeLabels([['version', '1.0']]), labels)).toBe(false);
    expect(labelsMatch(makeLabels([['env', 'canary']]), labels)).toBe(false);
  });
});

describe('labelValue()', () => {
  it('gives the value, or undefined', () => {
    expect(labelValue(labels, 'os')).toBe('linux');
    expect(labelValue(labels, 'env')).toBeUndefined();
  });
});

describe('makeLabels()', () => {
  it.each([
    [[['name', 'x']], 'LABEL_INVALID'],
    [
      [
        ['a', '1'],
        ['a', '2'],
      ],
      'LABEL_INVALID',
    ],
    [[['os', 'plan9']], 'LABEL_INVALID'],
    [[['A', '1']], 'IDENTIFIER_INVALID'],
  ] as const)('refuses %j with %s', (pairs, code) => {
    expect(() => makeLabels(pairs)).toThrow(expect.objectContaining({ code }));
  });
});

describe('labelsFault()', () => {
  it('takes every pair of the table', () => {
    for (const [os, architectures] of Object.entries(OS_ARCHITECTURES)) {
      for (const arch of architectures) {
        const pair = makeLabels([
          ['os', os],
          ['arch', arch],
        ]);
        expect(labelsFault(pair)).toBeUndefined();
      }
    }
  });

  it('takes an architecture without an operating system, which means nothing', () => {
    expect(() => makeLabels([['arch', 'z80']])).not.toThrow();
  });

  it.each(['constructor', '__proto__', 'Linux'])('refuses the operating system %s', (os) => {
    expect(() => makeLabels([['os', os]])).toThrow('os must be one of linux, freebsd, darwin');
  });

  it('names the architectures that go with the operating system', () => {
    expect(() =>
      makeLabels([
        ['os', 'darwin'],
        ['arch', 'amd64'],
      ]),
    ).toThrow('arch for darwin must be one of x86_64, i386, not "amd64"');
  });
});

describe('hostLabels()', () => {
  it.each([
    ['x64', 'LE', 'amd64'],
    ['ia32', 'LE', 'i386'],
    ['arm64', 'LE', 'aarch64'],
    ['arm64', 'BE', 'aarch64_be'],
    ['arm', 'LE', 'armv7l'],
    ['arm', 'BE', 'armv7b'],
    ['ppc64', 'LE', 'ppc64le'],
    ['ppc64', 'BE', 'ppc64'],
    ['s390x', 'BE', 's390x'],
  ] as const)('calls %s %s %s', (architecture, order, arch) => {
    expect(hostLabels(architecture, order)).toEqual({ os: 'linux', arch });
    expect(OS_ARCHITECTURES['linux']).toContain(arch);
  });

  it('says that appc has no word for a processor', () => {
    expect(() => hostLabels('riscv64', 'LE')).toThrow(
      expect.objectContaining({ code: 'HOST_UNSUPPORTED' }),
    );
  });
});
