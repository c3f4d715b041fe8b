import { describe, expect, it } from 'vitest';
import { formatHosts } from './hosts.ts';
import { formatResolvConf } from './resolv-conf.ts';

describe('formatResolvConf()', () => {
  it('writes what is asked for, the domain where it does not undo the search', () => {
    const text = formatResolvConf({
      servers: ['1.1.1.1', '9.9.9.9'],
      search: ['a.example', 'b.example'],
      options: ['ndots:2'],
      domain: 'example',
    });

    expect(text.split('\n').slice(1)).toEqual([
      'domain example',
      'search a.example b.example',
      'nameserver 1.1.1.1',
      'nameserver 9.9.9.9',
      'options ndots:2',
      '',
    ]);
  });
});

describe('formatHosts()', () => {
  it('has the usual names, the pod after 127.0.0.1, and entries of one address on one line', () => {
    const text = formatHosts('pod', [
      { ip: '10.0.0.1', names: ['a'] },
      { ip: '10.0.0.2', names: ['c'] },
      { ip: '10.0.0.1', names: ['b'] },
    ]);

    expect(text).toContain('127.0.0.1\tlocalhost pod\n');
    expect(text).toContain('10.0.0.1\ta b\n10.0.0.2\tc\n');
  });
});
