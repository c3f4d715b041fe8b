import { describe, expect, it } from 'vitest';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { hostLabels } from '#schema/types/labels';
import { demandForThisMachine, foreignMachine } from './machine.ts';

const host = hostLabels();

function imageFor(labels: Readonly<Record<string, string>>): ImageManifest {
  return parseImageManifest(
    JSON.stringify({
      acKind: 'ImageManifest',
      acVersion: '0.8.11',
      name: 'example.com/app',
      labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
    }),
  );
}

describe('foreignMachine()', () => {
  it.each([[{}], [{ os: host.os }], [{ os: host.os, arch: host.arch }]])(
    'has nothing against %j',
    (labels) => {
      expect(foreignMachine(imageFor(labels))).toBeUndefined();
    },
  );

  it('lets amd64 run i386', () => {
    const expected = host.arch === 'amd64' ? undefined : 'linux/i386';

    expect(foreignMachine(imageFor({ os: 'linux', arch: 'i386' }))).toBe(expected);
  });

  it.each([
    [{ os: 'linux', arch: 's390x' }, 'linux/s390x'],
    [{ os: 'freebsd', arch: 'amd64' }, 'freebsd/amd64'],
  ])('names the machine of %j', (labels, machine) => {
    expect(foreignMachine(imageFor(labels))).toBe(machine);
  });
});

describe('demandForThisMachine()', () => {
  it('refuses what is for another machine', () => {
    expect(() => demandForThisMachine(imageFor({ os: 'linux', arch: 's390x' }))).toThrow(
      `cannot run image "example.com/app": it is for linux/s390x, this machine is linux/${host.arch}`,
    );
  });
});
