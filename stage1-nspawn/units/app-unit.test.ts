import { describe, expect, it } from 'vitest';
import { parseAcName } from '#schema/types/names';
import { appUnitName } from '#stage1';
import { appUnit, type PlannedApp, type PodIsolation, podCapabilities } from './app-unit.ts';
import { formatUnit } from './write-unit.ts';

const identity = { uid: 0, gid: 0, supplementaryGids: [], account: undefined };
const app: PlannedApp = {
  name: parseAcName('web'),
  imageName: 'example.com/web',
  command: { path: '/bin/web', argv: ['web', '--port=80'] },
  workingDir: '/',
  identity,
  unsetVariables: ['LANG'],
  isolators: {},
  restart: { when: 'no' },
  stdio: { stdin: 'null', stdout: 'log', stderr: 'log' },
  notifies: false,
  replaced: [],
  devices: [],
  sockets: [],
};
const closed: PodIsolation = {
  streams: 'log',
  capabilities: true,
  paths: true,
  seccomp: true,
  limits: { NOFILE: { soft: 256n, hard: 4096n }, CORE: { soft: 0n, hard: 2n ** 64n - 1n } },
};

/** The values of one setting of the app's service, in order. */
function service(
  key: string,
  given: Partial<PlannedApp> = {},
  isolation: Partial<PodIsolation> = {},
): readonly string[] {
  const unit = appUnit({ ...app, ...given }, { ...closed, ...isolation });

  return (unit.service ?? []).filter(([name]) => name === key).map(([, value]) => value);
}

describe('appUnit()', () => {
  it('has the safe defaults without being asked', () => {
    expect(service('CapabilityBoundingSet')[0]?.split(' ')).toHaveLength(14);
    expect(service('SystemCallFilter')[2]).toMatch(/^@default @system-service /);
    expect(service('SystemCallArchitectures')).toEqual(['native']);
    expect(service('BindPaths')[0]).toMatch(/ \/sys\/kernel$/);
    expect(service('BindPaths')[0]).not.toMatch(/\/sys\/fs|\/sys /);
    expect(service('DevicePolicy')).toEqual(['closed']);
  });

  it('leaves a place to the volume that is there', () => {
    expect(service('BindPaths')[0]).toMatch(
      / \/dev\/shm \/dev\/mqueue \/run\/systemd\/journal\/dev-log:\/dev\/log /,
    );
    const [paths] = service('BindPaths', { replaced: ['/dev/shm', '/dev/log'] });
    expect(paths).toMatch(/^\/proc \/dev\/pts \/dev\/console \/dev\/mqueue \/sys\/block /);
  });

  it('has the limits of the caller', () => {
    expect(service('LimitNOFILE')).toEqual(['256:4096']);
    expect(service('LimitCORE')).toEqual(['0:infinity']);
  });

  it.each([
    ['capabilities', ['CapabilityBoundingSet', 'AmbientCapabilities']],
    [
      'seccomp',
      [
        'SystemCallFilter',
        'RestrictNamespaces',
        'SystemCallArchitectures',
        'SystemCallErrorNumber',
      ],
    ],
    ['paths', ['InaccessiblePaths', 'DevicePolicy', 'DeviceAllow']],
  ] as const)('drops by the word %s only what belongs to it', (word, keys) => {
    const keysOf = (isolation: PodIsolation): readonly string[] =>
      (appUnit(app, isolation).service ?? []).map(([key]) => key);
    const dropped = new Set(keysOf(closed));
    for (const key of keysOf({ ...closed, [word]: false })) dropped.delete(key);

    expect([...dropped].every((key) => (keys as readonly string[]).includes(key))).toBe(true);
    expect(dropped.size).toBeGreaterThan(0);
  });

  it('gives another user than root the retained capabilities as ambient ones', () => {
    const capabilities = { mode: 'retain', set: ['CAP_NET_ADMIN'] } as const;
    const user = { ...identity, uid: 1000, gid: 100 };

    expect(service('AmbientCapabilities', { identity: user })).toEqual([]);
    expect(service('AmbientCapabilities', { isolators: { capabilities } })).toEqual([]);
    expect(service('AmbientCapabilities', { identity: user, isolators: { capabilities } })).toEqual(
      ['CAP_NET_ADMIN'],
    );
    expect(service('User', { identity: user })).toEqual(['1000']);
    expect(service('Group', { identity: user })).toEqual(['100']);
  });

  it('runs handlers as root within the sandbox', () => {
    const handler = { path: '/bin/h', argv: ['h'] } as const;

    expect(service('ExecStartPre', { preStart: handler })).toEqual(['"!:@/bin/h" "h"']);
    expect(service('ExecStopPost', { postStop: handler })).toEqual(['"!:@/bin/h" "h"']);
  });

  it('waits for the readiness of an app that reports it', () => {
    expect(service('Type')).toEqual(['exec']);
    expect(service('Type', { notifies: true })).toEqual(['notify']);
  });

  it('opens the devices among the volumes', () => {
    const devices = [
      { type: 'char', major: 10, minor: 229, readOnly: false },
      { type: 'block', major: 8, minor: 0, readOnly: true },
    ] as const;

    expect(service('DeviceAllow', { devices })).toEqual([
      '/dev/char/10:229 rw',
      '/dev/block/8:0 r',
    ]);
  });

  it('leads streams where they are wanted', () => {
    expect(service('StandardInput')).toEqual(['null']);
    expect(service('StandardOutput')).toEqual(['append:/rkt/streams/web/stdout']);
    expect(service('StandardInput', {}, { streams: 'terminal' })).toEqual(['tty']);
    expect(service('StandardInput', {}, { streams: 'direct' })).toEqual(['file:/rkt/stdio/0']);
    expect(service('StandardError', {}, { streams: 'direct' })).toEqual(['append:/rkt/stdio/2']);
  });

  it('is text that no name or argument can break out of', () => {
    const evil = { path: '/bin/x', argv: ['x', 'a"\n[Service]\nUser=0'] } as const;
    const text = formatUnit(appUnit({ ...app, command: evil }, closed));

    expect(text.match(/^\[Service\]$/gm)).toHaveLength(1);
    expect(text).not.toMatch(/^User=0/m);
  });
});

describe('appUnitName()', () => {
  it('keeps out of the way of units of systemd', () => {
    expect(appUnitName(parseAcName('web'))).toBe('web.service');
    expect(appUnitName(parseAcName('systemd-journald'))).toBe('app_systemd-journald.service');
  });
});

describe('podCapabilities()', () => {
  it('names what goes beyond the usual', () => {
    const capabilities = { mode: 'retain', set: ['CAP_KILL', 'CAP_SYS_TIME'] } as const;

    expect(podCapabilities([app, { ...app, isolators: { capabilities } }])).toEqual([
      'CAP_SYS_TIME',
    ]);
  });
});
