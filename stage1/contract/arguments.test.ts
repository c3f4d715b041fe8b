import { describe, expect, it } from 'vitest';
import {
  encodeEnterArguments,
  encodeGcArguments,
  encodeRunArguments,
  parseEnterArguments,
  parseGcArguments,
  parseRunArguments,
  type RunArguments,
} from './arguments.ts';

const all: RunArguments = {
  uuid: '8f3ab0ad-3a3b-4d64-9b0c-9a29cbd8a4cd',
  debug: true,
  net: 'host',
  interactive: true,
  localConfig: '/etc/gantry',
  systemConfig: '/usr/lib/gantry',
  userConfig: '/home/me/gantry',
  mdsToken: 'abc',
  privateUsers: '65536:65536',
  hostname: 'pod',
  disableCapabilities: true,
  disablePaths: true,
  disableSeccomp: true,
  dnsConfMode: { resolv: 'stage0', hosts: 'host' },
  mutable: true,
  ipc: 'parent',
};

describe('parseRunArguments()', () => {
  it('reads back what was encoded', () => {
    expect(parseRunArguments(encodeRunArguments(all).argv)).toEqual(all);
  });

  it('passes over what a newer stage 0 says', () => {
    expect(parseRunArguments(['--new-thing=1', '--net=none', all.uuid])).toMatchObject({
      net: 'none',
      debug: false,
      ipc: 'auto',
      dnsConfMode: { resolv: 'default', hosts: 'default' },
    });
  });

  it('rejects arguments without a UUID and modes that do not exist', () => {
    expect(() => parseRunArguments(['--debug'])).toThrow('the UUID of the pod is missing');
    expect(() => parseRunArguments(['--ipc=both', all.uuid])).toThrow('"both" is none of');
  });
});

describe('encodeRunArguments()', () => {
  it('tells an old stage1 only what it knows, and names the rest', () => {
    const { argv, dropped } = encodeRunArguments(all, 1);

    expect(argv).not.toContain('--hostname=pod');
    expect(argv.at(-1)).toBe(all.uuid);
    expect(dropped).toEqual([
      'hostname',
      'disable-capabilities-restriction',
      'disable-paths',
      'disable-seccomp',
      'dns-conf-mode',
      'mutable',
      'ipc',
      'user-config',
    ]);
  });

  it('does not name what would have said nothing', () => {
    const usual = { resolv: 'default', hosts: 'default' } as const;

    expect(encodeRunArguments({ ...all, dnsConfMode: usual }, 3).dropped).toEqual([
      'mutable',
      'ipc',
      'user-config',
    ]);
    expect(encodeRunArguments({ ...all, dnsConfMode: usual }).argv).toContain(
      '--dns-conf-mode=resolv=default,hosts=default',
    );
  });
});

describe('parseGcArguments()', () => {
  const { uuid, debug, localConfig, systemConfig, userConfig } = all;
  const args = { uuid, debug, localConfig, systemConfig, userConfig, force: true };

  it('reads back what was encoded', () => {
    expect(parseGcArguments(encodeGcArguments(args))).toEqual(args);
  });

  it('gets no more than an older stage1 knows', () => {
    expect(encodeGcArguments(args, 4)).toEqual(['--debug', uuid]);
    expect(encodeGcArguments(args, 6)).toEqual(['--debug', '--local-config=/etc/gantry', uuid]);
    expect(encodeGcArguments(args, 7)).not.toContain('--force');
  });
});

describe('parseEnterArguments()', () => {
  it('reads back what was encoded', () => {
    const args = { pid: 12, app: 'web', command: ['sh', '-c', '--', '--pid=3'] } as const;
    const options = {
      user: 'me',
      group: '7',
      workingDir: '/a=b',
      environment: ['A=1=2', 'B=two\nlines'],
    };

    expect(parseEnterArguments(encodeEnterArguments(args))).toEqual({ ...args, environment: [] });
    expect(parseEnterArguments(encodeEnterArguments({ ...args, ...options }))).toEqual({
      ...args,
      ...options,
    });
  });

  it('rejects arguments without process, app or command', () => {
    expect(() => parseEnterArguments(['--pid=1', '--', 'sh'])).toThrow('--pid and --appname');
    expect(() => parseEnterArguments(['--pid=1', '--appname=a', '--'])).toThrow('nothing to run');
  });
});
