import { describe, expect, it } from 'vitest';
import { planMachine, scopePath } from './machine.ts';

const host =
  (...paths: readonly string[]) =>
  (path: string): boolean =>
    paths.some((each) => path.startsWith(each));

describe('planMachine()', () => {
  it('makes cgroups itself where systemd is not the host', () => {
    expect(planMachine(host(), '0::/\n')).toEqual({ register: false, cgroup: 'own' });
  });

  it('leaves the cgroup to systemd when called from a session', () => {
    const booted = host('/run/systemd/system', '/run/dbus', '/usr/share/dbus-1');

    expect(planMachine(booted, '0::/user.slice/user-0.slice/session-1.scope\n')).toEqual({
      register: true,
      cgroup: 'scope',
    });
  });

  it('stays in the unit that called', () => {
    const hybrid = '1:name=systemd:/system.slice/web.service\n0::/system.slice/web.service\n';

    expect(planMachine(host('/run/systemd/system'), hybrid)).toEqual({
      register: false,
      cgroup: 'own',
    });
  });
});

describe('scopePath()', () => {
  it('is what machined, or nspawn without it, calls the scope', () => {
    expect(scopePath('a-b', { register: true })).toBe(
      String.raw`/machine.slice/machine-rkt\x2da\x2db.scope`,
    );
    expect(scopePath('a-b', { register: false })).toBe('/machine.slice/rkt-a-b.scope');
  });
});
