import { describe, expect, it } from 'vitest';
import { parseRunArguments } from '#stage1';
import { type NspawnRequest, nspawnCommand } from './nspawn-command.ts';

const UUID = '6733c088-a507-4694-aabf-6f5f4c7a4d2b';
const request = (...flags: readonly string[]): NspawnRequest => ({
  podDir: '/pod',
  stage1: {
    version: 1,
    loader: '/usr/lib64/ld.so',
    libraryPath: ['/usr/lib/a', '/usr/lib/b'],
    nspawn: '/usr/bin/systemd-nspawn',
    systemdVersion: 252,
  },
  args: parseRunArguments([...flags, UUID]),
  privateNetwork: true,
  machine: { register: false, cgroup: 'own' },
  hostname: 'name',
  terminal: false,
  capabilities: [],
  masks: ['--bind=/dev/null:/proc/kcore:norbind'],
  unified: false,
  env: { PATH: '/bin', SECRET: 'x', NOTIFY_SOCKET: '/run/n' },
});

describe('nspawnCommand()', () => {
  it('starts the stage1 by its own loader and libraries', () => {
    const { path, argv } = nspawnCommand(request());

    expect(path).toBe('/pod/stage1/rootfs/usr/lib64/ld.so');
    expect(argv.slice(0, 4)).toEqual([
      path,
      '--library-path',
      '/pod/stage1/rootfs/usr/lib/a:/pod/stage1/rootfs/usr/lib/b',
      '/pod/stage1/rootfs/usr/bin/systemd-nspawn',
    ]);
    expect(argv).toContain(`--machine=rkt-${UUID}`);
  });

  it('makes a network when told to, else leaves it at that of this process', () => {
    expect(nspawnCommand(request()).argv).toContain('--private-network');
    const { argv } = nspawnCommand({ ...request(), privateNetwork: false });
    expect(argv.join(' ')).not.toMatch(/--(?:private-)?network/);
  });

  it('hands on of the environment only what nspawn is told by', () => {
    expect(nspawnCommand(request()).env).toEqual({
      PATH: '/bin',
      NOTIFY_SOCKET: '/run/n',
      SYSTEMD_SECCOMP: '0',
    });
  });

  it('opens what the insecure words open', () => {
    const all = nspawnCommand(request('--disable-capabilities-restriction', '--disable-paths'));

    expect(all.argv).toContain('--capability=all');
    expect(all.env['SYSTEMD_NSPAWN_API_VFS_WRITABLE']).toBe('1');
    const some = nspawnCommand({ ...request(), capabilities: ['CAP_SYS_TIME'] });
    expect(some.argv).toContain('--capability=CAP_SYS_TIME');
  });

  it('leaves the unit to systemd only where there is one to be left', () => {
    const scope = { ...request(), machine: { register: true, cgroup: 'scope' } as const };

    expect(nspawnCommand(request()).argv).toContain('--keep-unit');
    expect(nspawnCommand(scope).argv).not.toContain('--keep-unit');
    expect(nspawnCommand(scope).argv).toContain('--register=yes');
  });

  it('masks as it is told, and shows the pod cgroup v2 alone where it is', () => {
    expect(nspawnCommand(request()).argv).toContain('--bind=/dev/null:/proc/kcore:norbind');
    const { env } = nspawnCommand({ ...request(), unified: true });
    expect(env['SYSTEMD_NSPAWN_UNIFIED_HIERARCHY']).toBe('1');
  });

  it('talks when debugged', () => {
    expect(nspawnCommand(request()).argv).toContain('--quiet');
    expect(nspawnCommand(request('--debug')).argv.slice(-3)).toEqual([
      '--',
      '--log-level=debug',
      '--log-target=console',
    ]);
  });
});
