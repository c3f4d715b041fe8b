import { describe, expect, it } from 'vitest';
import { carriedVariables, carry } from './carrier.ts';
import { maskArguments, type PathKind } from './masks.ts';
import { type AppMountsPlan, planAppMounts } from './mounts.ts';
import {
  callerPlaces,
  logStreamsToRelay,
  planStreams,
  type StandardStream,
  streamsToAppend,
  streamsToRelay,
} from './streams.ts';

const plan: AppMountsPlan = {
  podDir: '/pod',
  volumes: [],
  kept: [],
  readOnlyRoot: false,
  wholeSysfs: false,
  resolvMode: 'default',
  hosts: undefined,
  networked: false,
  hostname: '/pod/hostname',
  carrier: undefined,
};
const targets = (given: Partial<AppMountsPlan>): readonly string[] =>
  planAppMounts({ ...plan, ...given }).map((step) => ('target' in step ? step.target : step.kind));

describe('planAppMounts()', () => {
  it('keeps what the image has in its volumes before all else, on a root to be sealed', () => {
    const steps = targets({ kept: ['/data'], readOnlyRoot: true });
    expect(steps.slice(0, 3)).toEqual(['root', '/data', '/proc']);
    expect(steps.at(-1)).toBe('seal');
  });

  const volume = {
    volume: 'v',
    kind: 'host',
    source: '/h',
    target: '/etc/hosts',
    readOnly: false,
    recursive: true,
    shared: false,
  } as const;
  const sources = (given: Partial<AppMountsPlan>): readonly string[] =>
    planAppMounts({ ...plan, volumes: [volume], ...given }).flatMap((step) =>
      step.kind === 'bind' || step.kind === 'volume' ? [`${step.source} ${step.target}`] : [],
    );

  it('makes volumes after what nobody asked for, and before what was', () => {
    const hosts = { source: '/f', asked: false, readOnly: false };

    expect(sources({ hosts })).toEqual([
      '/pod/hostname /etc/hostname',
      '/f /etc/hosts',
      '/h /etc/hosts',
    ]);
    expect(sources({ hosts: { ...hosts, asked: true }, resolvMode: 'stage0' })).toEqual([
      '/pod/hostname /etc/hostname',
      '/h /etc/hosts',
      '/pod/stage1/rootfs/etc/rkt-resolv.conf /etc/resolv.conf',
      '/f /etc/hosts',
    ]);
  });

  it('makes a place for name servers that a network may give', () => {
    expect(targets({ networked: true })).toContain('/etc/resolv.conf');
    expect(targets({})).not.toContain('/etc/resolv.conf');
  });

  it('seals a read-only root last', () => {
    const steps = targets({ readOnlyRoot: true });

    expect(steps[0]).toBe('root');
    expect(steps.at(-1)).toBe('seal');
  });

  it('shows files of the host read-only', () => {
    const steps = planAppMounts({
      ...plan,
      resolvMode: 'host',
      hosts: { source: '/etc/hosts', asked: true, readOnly: true },
    });
    const ofHost = steps.filter((step) => step.kind === 'bind' && step.source.startsWith('/etc/'));

    expect(ofHost).toHaveLength(2);
    expect(ofHost.every((step) => 'readOnly' in step && step.readOnly)).toBe(true);
  });
});

describe('maskArguments()', () => {
  it('hides files and folders that are there', () => {
    const kinds = new Map([
      ['/proc/kcore', 'file'],
      ['/proc/acpi', 'directory'],
      ['/sys/firmware', 'directory'],
    ] as const);

    expect(maskArguments((path) => new Map<string, PathKind>(kinds).get(path) ?? 'absent')).toEqual(
      ['--tmpfs=/proc/acpi:ro,mode=000,size=4k', '--bind=/dev/null:/proc/kcore:norbind'],
    );
  });
});

describe('planStreams()', () => {
  it('logs unless interactive', () => {
    expect(planStreams(false, () => true)).toBe('log');
  });

  it('takes a terminal for one only when both ends are', () => {
    expect(planStreams(true, () => true)).toBe('terminal');
    expect(planStreams(true, (fd) => fd === 0)).toBe('direct');
  });
});

describe('streamsToRelay()', () => {
  it('are sockets, and a file that is half read', () => {
    const socket = { fd: 1, kind: 'socket', inode: 1, position: 0 } as const;
    const file = { fd: 0, kind: 'file', inode: 2, position: 0 } as const;

    expect(streamsToRelay([file, socket])).toEqual([1]);
    expect(streamsToRelay([{ ...file, position: 3 }])).toEqual([0]);
    expect(streamsToRelay([{ ...file, fd: 2, position: 3 }])).toEqual([]);
  });
});

describe('streamsToAppend()', () => {
  it('are files to write to', () => {
    expect(
      streamsToAppend([
        { fd: 0, kind: 'file', inode: 2, position: 0 },
        { fd: 1, kind: 'file', inode: 3, position: 5 },
        { fd: 2, kind: 'other', inode: 4, position: 0 },
      ]),
    ).toEqual([1]);
  });
});

describe('callerPlaces()', () => {
  const stream = (change: Partial<StandardStream>): StandardStream => ({
    fd: 1,
    kind: 'other',
    inode: 1,
    position: 0,
    ...change,
  });

  it('are the caller’s own descriptors, and the console for a socket', () => {
    expect(
      callerPlaces([stream({ fd: 0 }), stream({}), stream({ fd: 2, kind: 'socket' })]),
    ).toEqual([
      ['stdout', '/rkt/stdio/1'],
      ['stderr', '/dev/console'],
    ]);
  });

  it('are none where nobody looks', () => {
    expect(callerPlaces([stream({ kind: 'null' })])).toEqual([]);
  });

  it('need a pipe for a second socket only', () => {
    const output = stream({ kind: 'socket' });

    expect(logStreamsToRelay([output, stream({ fd: 2, kind: 'socket' })])).toEqual([]);
    expect(logStreamsToRelay([output, stream({ fd: 2, kind: 'socket', inode: 2 })])).toEqual([2]);
    expect(logStreamsToRelay([output, stream({ fd: 2 })])).toEqual([]);
  });
});

describe('carry()', () => {
  const command = { path: '/bin/app', argv: ['app', '-x'] } as const;

  it('leaves a command alone that has nothing to carry', () => {
    expect(carry(command, carriedVariables({ A: 'b' }))).toBe(command);
  });

  it('puts the variables that systemd drops on the command', () => {
    const variables = carriedVariables({ A: 'b', 'discovery.type': 'single-node' });

    expect(carry(command, variables)).toEqual({
      path: '/dev/.env',
      argv: ['env', 'discovery.type=single-node', 'app', '-x'],
    });
  });
});
