import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseContainerId, parseInterfaceName, parseNetworkName } from './names.ts';

describe('parseNetworkName() and parseContainerId()', () => {
  it.each(['a', 'default-restricted', '0_x.Y-', 'a'.repeat(200)])('take %.20s', (name) => {
    expect(parseNetworkName(name)).toBe(name);
    expect(parseContainerId(name)).toBe(name);
  });

  it.each(['', '.', '..', '-a', '_a', 'a/b', 'a b', 'a\n', 'é', 'a:b', 'a'.repeat(201)])(
    'refuse %.20j',
    (name) => {
      expect(() => parseNetworkName(name)).toThrow(/^cannot name a network/);
      expect(() => parseContainerId(name)).toThrow(/^cannot name a container/);
    },
  );

  it('give only what is safe as a file name', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(parseNetworkName(text)).not.toMatch(/^\.|[/\0]/);
        } catch (error) {
          expect(error).toHaveProperty('code', 'CNI_NAME_INVALID');
        }
      }),
    );
  });
});

describe('parseInterfaceName()', () => {
  it.each(['eth0', 'a', 'wl-x.1@y', '123456789012345'])('takes %s', (name) => {
    expect(parseInterfaceName(name)).toBe(name);
  });

  it.each(['', '.', '..', 'a/b', 'a:1', 'a b', 'eth%d', 'é', 'a\t', '1234567890123456'])(
    'refuses %j',
    (name) => {
      expect(() => parseInterfaceName(name)).toThrow(/^cannot name an interface/);
    },
  );
});
