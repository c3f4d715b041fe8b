import { describe, expect, it } from 'vitest';
import { parseImageManifest } from '#schema/image/image-manifest';
import { type Flavor, readFlavor } from './flavor.ts';

/** What is read of an image that says which version of the contract it speaks. */
function flavorOf(version: string): Flavor {
  const annotations = [
    { name: 'coreos.com/rkt/stage1/run', value: '/init' },
    { name: 'coreos.com/rkt/stage1/interface-version', value: version },
  ];
  const name = 'example.com/stage1';
  const manifest = { acKind: 'ImageManifest', acVersion: '0.8.11', name, annotations };

  return readFlavor(parseImageManifest(JSON.stringify(manifest)));
}

describe('readFlavor()', () => {
  it.each(['0', '-1', 'abc', '', '08', '3.0', '1e1', '10000'])(
    'rejects version "%s"',
    (version) => {
      expect(() => flavorOf(version)).toThrow(`is "${version}", not a whole number from 1 to 9999`);
    },
  );

  it.each(['1', '8', '99'])('reads version "%s"', (version) => {
    expect(flavorOf(version).interfaceVersion).toBe(Number(version));
  });
});
