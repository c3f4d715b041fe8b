import { describe, expect, it } from 'vitest';
import { networkOf, parametersOf } from '../../test/helpers/cni-bench.ts';
import type { CniVersion } from '../version/cni-version.ts';
import {
  describeAttachmentCall,
  describeNetworkCall,
  describeVersionCall,
  type PluginCall,
} from './plugin-call.ts';

const network = networkOf('n', [
  {
    type: 'a',
    name: 'inner',
    cniVersion: '0.2.0',
    capabilities: { portMappings: true, mac: true, ips: false },
    runtimeConfig: { mac: 'forged' },
    prevResult: { forged: true },
    'cni.dev/valid-attachments': 'forged',
    args: { cni: { labels: [], ips: ['10.0.0.1'] }, mine: 1 },
    unknown: { kept: [1, null] },
  },
]);
const plugin = network.plugins[0]!;
const pluginDirs = ['/one', '/two'];

function call(
  command: 'ADD' | 'DEL' | 'CHECK',
  version: CniVersion,
  extra: Parameters<typeof parametersOf>[2] = {},
): PluginCall {
  return describeAttachmentCall(
    { network, version },
    {
      command,
      plugin,
      parameters: parametersOf('c', 'eth0', extra),
      prevResult: { ips: [] },
      pluginDirs,
    },
  );
}

describe('describeAttachmentCall()', () => {
  it('gives the plugin its own object, the network, the version, and nothing forged', () => {
    expect(call('ADD', '1.0.0').config).toEqual({
      type: 'a',
      args: { cni: { labels: [], ips: ['10.0.0.1'] }, mine: 1 },
      unknown: { kept: [1, null] },
      cniVersion: '1.0.0',
      name: 'n',
      prevResult: { ips: [] },
    });
  });

  it('gives the variables of the protocol', () => {
    const args = [
      ['K', 'V'],
      ['IgnoreUnknown', '1'],
    ] as const;
    const env = {
      CNI_COMMAND: 'ADD',
      CNI_CONTAINERID: 'c',
      CNI_NETNS: '/proc/self/ns/net',
      CNI_IFNAME: 'eth0',
      CNI_ARGS: 'K=V;IgnoreUnknown=1',
      CNI_PATH: '/one:/two',
    };

    expect(call('ADD', '1.0.0', { args }).env).toEqual(env);
    expect(call('ADD', '0.1.0', { args }).env).toEqual({ ...env, CNI_VERSION: '0.1.0' });
    expect(call('ADD', '1.0.0').env).not.toHaveProperty('CNI_ARGS');
  });

  it('gives of the capabilities those that are declared and given', () => {
    const capabilityArgs = { portMappings: [], mac: undefined, ips: ['10.0.0.1'], other: 1 };

    expect(call('ADD', '1.0.0', { capabilityArgs }).config['runtimeConfig']).toEqual({
      portMappings: [],
    });
  });

  it('adds to the arguments of the configuration', () => {
    const configArgs = { ips: ['10.0.0.9'] };

    expect(call('ADD', '1.0.0', { configArgs }).config['args']).toEqual({
      cni: { labels: [], ips: ['10.0.0.9'] },
      mine: 1,
    });
  });

  it('hands a result to DEL since 0.4.0, to CHECK always', () => {
    expect(call('DEL', '0.3.1').config).not.toHaveProperty('prevResult');
    expect(call('DEL', '0.4.0').config).toHaveProperty('prevResult');
    expect(call('CHECK', '0.4.0').config).toHaveProperty('prevResult');
  });

  it.each(['relative', '/with:colon', ''])('refuses the plugin folder %j', (folder) => {
    expect(() =>
      describeNetworkCall(
        { network, version: '1.1.0' },
        { command: 'STATUS', plugin, pluginDirs: [folder] },
      ),
    ).toThrow('not an absolute path without ":"');
  });
});

describe('describeNetworkCall()', () => {
  it('lists the valid attachments for GC, and names no container', () => {
    const { containerId, ifName } = parametersOf('c');
    const described = describeNetworkCall(
      { network, version: '1.1.0' },
      { command: 'GC', plugin, valid: [{ containerId, ifName }], pluginDirs },
    );

    expect(described.env).toEqual({ CNI_COMMAND: 'GC', CNI_PATH: '/one:/two' });
    expect(described.config['cni.dev/valid-attachments']).toEqual([
      { containerID: 'c', ifname: 'eth0' },
    ]);
  });
});

describe('describeVersionCall()', () => {
  it('sets what plugins of 0.1.0 ask for before they look at the command', () => {
    expect(Object.keys(describeVersionCall('a', '1.1.0', pluginDirs).env).sort()).toEqual([
      'CNI_COMMAND',
      'CNI_CONTAINERID',
      'CNI_IFNAME',
      'CNI_NETNS',
      'CNI_PATH',
    ]);
  });
});
