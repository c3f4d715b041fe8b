import { describe, expect, it } from 'vitest';
import type { RegisterEntry } from '../register/register.ts';
import { hostsLines, withHostsBlock } from './hosts-block.ts';

const entry = (
  uuid: string,
  attachments: readonly (readonly [string, ...string[]])[],
  hostNetns = 1,
): RegisterEntry => ({
  version: 1,
  uuid,
  podDir: '/pod',
  gantry: ['gantry'],
  names: [uuid, `host-${uuid}`, uuid],
  hostNetns,
  ports: [],
  attachments: attachments.map(([network, ...addresses], index) => ({
    network,
    ifName: `eth${index}`,
    addresses,
  })),
  hostsFiles: [],
});

describe('hostsLines()', () => {
  it('leads to the pod itself, and to others by what they share', () => {
    const web = entry('web', [
      ['front', '10.0.0.2', 'fd00::2'],
      ['back', '10.1.0.2'],
    ]);
    const others = [
      web,
      entry('db', [
        ['back', '10.1.0.3'],
        ['far', '10.2.0.3'],
      ]),
      entry('lonely', [['far', '10.2.0.4']]),
      entry('elsewhere', [['back', '10.1.0.3']], 2),
    ];

    expect(hostsLines(web, others)).toEqual([
      '10.0.0.2\tweb host-web',
      'fd00::2\tweb host-web',
      '10.1.0.2\tweb host-web',
      '10.1.0.3\tdb host-db',
    ]);
  });
});

describe('withHostsBlock()', () => {
  it('changes nothing but its own lines', () => {
    const first = withHostsBlock('127.0.0.1\tlocalhost', ['10.0.0.2\ta']);
    const second = withHostsBlock(`${first}1.2.3.4\tmine\n`, ['10.0.0.2\ta', '10.0.0.3\tb']);

    expect(first).toMatch(
      /^127\.0\.0\.1\tlocalhost\n# pods [^\n]*\n10\.0\.0\.2\ta\n# end of pods\n$/,
    );
    expect(second).toMatch(
      /^127\.0\.0\.1\tlocalhost\n#[^]*\n10\.0\.0\.3\tb\n# end of pods\n1\.2\.3\.4\tmine\n$/,
    );
    expect(second.match(/# end of pods/g)).toHaveLength(1);
  });

  it('begins anew when an app has cut it', () => {
    expect(withHostsBlock('', [])).toBe(withHostsBlock('', []));
    expect(withHostsBlock('# end of pods\nx\n', ['1.1.1.1\ta'])).toMatch(
      /^# end of pods\nx\n# pods/,
    );
  });
});
