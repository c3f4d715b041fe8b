import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { CNI_VERSIONS } from '../version/cni-version.ts';
import { capabilitiesOf, parseNetworkConfig } from './network-config.ts';

const plugins = [{ type: 'ptp' }];
const parse = (config: unknown): ReturnType<typeof parseNetworkConfig> =>
  parseNetworkConfig(JSON.stringify(config), '/net.d/a.conflist');

describe('parseNetworkConfig()', () => {
  it('reads a list with everything in it', () => {
    const network = parse({
      cniVersion: '0.4.0',
      cniVersions: ['1.0.0', '0.3.1', '9.9.9'],
      name: 'n',
      disableCheck: 'True',
      disableGC: true,
      loadOnlyInlinedPlugins: false,
      plugins: [
        { type: 'ptp', ipam: { type: 'host-local' }, mine: { deep: [1] } },
        { type: 'portmap', capabilities: { portMappings: true, snat: false } },
      ],
    });

    expect(network).toMatchObject({
      name: 'n',
      versions: ['0.3.1', '0.4.0', '1.0.0'],
      disableCheck: true,
      disableGc: true,
      source: '/net.d/a.conflist',
    });
    expect(network.plugins.map(({ type, ipamType }) => [type, ipamType])).toEqual([
      ['ptp', 'host-local'],
      ['portmap', undefined],
    ]);
    expect(network.plugins[0]?.fields['mine']).toEqual({ deep: [1] });
    expect([...capabilitiesOf(network)]).toEqual(['portMappings']);
  });

  it('reads a single plugin as a list of one', () => {
    const network = parse({ name: 'old', type: 'bridge', bridge: 'b0', ipam: {} });

    expect(network.versions).toEqual(['0.1.0']);
    expect(network.plugins).toHaveLength(1);
    expect(network.plugins[0]?.fields['bridge']).toBe('b0');
  });

  it.each([
    ['0.1', ['0.1.0']],
    ['', ['0.1.0']],
    ['1.1.0', ['1.1.0']],
  ])('takes the version %j for %j', (cniVersion, versions) => {
    expect(parse({ cniVersion, name: 'n', plugins }).versions).toEqual(versions);
  });

  it.each([
    [[], 'not a JSON object'],
    [{ plugins }, 'name: missing'],
    [{ name: 1, plugins }, 'name: not a string'],
    [{ name: '../x', plugins }, 'name: "../x" is not allowed'],
    [{ name: 'n', plugins: {} }, 'plugins: not a list'],
    [{ name: 'n', plugins: [] }, 'plugins: none are given'],
    [{ name: 'n' }, 'plugins: none are given'],
    [
      { name: 'n', loadOnlyInlinedPlugins: true },
      'plugins: missing, and loadOnlyInlinedPlugins allows no others',
    ],
    [{ name: 'n', plugins: ['ptp'] }, 'plugins[0]: not a JSON object'],
    [{ name: 'n', plugins: [{}] }, 'plugins[0]: type: missing'],
    [{ name: 'n', plugins: [{ type: 7 }] }, 'plugins[0]: type: not a string'],
    [{ name: 'n', plugins: [{ type: '' }] }, 'plugins[0]: type: empty'],
    [{ name: 'n', plugins: [{ type: '../ptp' }] }, 'type: "../ptp" is not the name of a file'],
    [{ name: 'n', plugins: [{ type: 'a\\b' }] }, 'is not the name of a file'],
    [{ name: 'n', plugins: [{ type: 'a\0' }] }, 'is not the name of a file'],
    [{ name: 'n', plugins: [{ type: 'a', ipam: [] }] }, 'ipam: not a JSON object'],
    [{ name: 'n', plugins: [{ type: 'a', ipam: { type: '/x' } }] }, 'ipam.type: "/x" is not'],
    [{ name: 'n', plugins: [{ type: 'a', capabilities: [] }] }, 'capabilities: not a JSON object'],
    [{ name: 'n', plugins: [{ type: 'a', capabilities: { ips: 1 } }] }, 'neither true nor false'],
    [{ name: 'n', disableCheck: 1, plugins }, 'disableCheck: neither true nor false'],
    [{ name: 'n', disableGC: 'yes', plugins }, 'disableGC: neither true nor false'],
    [{ name: 'n', cniVersion: 'latest', plugins }, 'cniVersion: "latest" is not a version'],
    [{ name: 'n', cniVersion: 1, plugins }, 'cniVersion: "1" is not a version'],
    [{ name: 'n', cniVersions: '1.0.0', plugins }, 'cniVersions: not a list'],
    [{ name: 'n', cniVersions: ['x'], plugins }, 'cniVersion: "x" is not a version'],
  ])('refuses %j', (config, words) => {
    expect(() => parse(config)).toThrow(words);
    expect(() => parse(config)).toThrow('the network configuration "/net.d/a.conflist"');
  });

  it.each(['2.0.0', '1.2.0', '0.5.0'])(
    'refuses version %s and names what it supports',
    (version) => {
      try {
        parse({ name: 'n', cniVersion: version, plugins });
        expect.unreachable();
      } catch (error) {
        expect(isGantryError(error, 'CNI_VERSION_UNSUPPORTED')).toBe(true);
        expect(error).toHaveProperty('hint', `supported are ${CNI_VERSIONS.join(', ')}`);
      }
    },
  );

  it('refuses a version that is a number too large for a double, in a list too', () => {
    for (const version of ['9007199254740993', '[9007199254740993]', '{"a":1e999}']) {
      const text = `{"name":"n","cniVersion":${version},"plugins":[{"type":"p"}]}`;

      expect(() => parseNetworkConfig(text, 'net.conf')).toThrow('is not a version');
    }
  });

  it.each(['ptp', 'bridge', 'x'])('refuses a plugin that would run itself: ipam %s', (type) => {
    const own = { name: 'n', plugins: [{ type: type === 'x' ? 'x' : 'other', ipam: { type } }] };

    expect(() => parse(own)).toThrow(`ipam.type: "${type}" would run itself without end`);
  });

  it('gives a network or one of our errors, whatever it is fed', () => {
    const key = fc.constantFrom('name', 'type', 'plugins', 'cniVersion', 'cniVersions', 'ipam');
    const leaf = fc.oneof(
      fc.json().map((text): unknown => JSON.parse(text)),
      fc.string(),
    );
    const plugin = fc.dictionary(key, leaf);
    const config = fc.dictionary(key, fc.oneof(leaf, fc.array(plugin)));
    fc.assert(
      fc.property(config, (fields) => {
        try {
          expect(parse(fields).plugins.length).toBeGreaterThan(0);
        } catch (error) {
          expect(isGantryError(error)).toBe(true);
        }
      }),
    );
  });
});
