import { describe, expect, it } from 'vitest';
import { seccompSettings } from './filter.ts';

const filters = (...args: Parameters<typeof seccompSettings>): readonly string[] =>
  seccompSettings(...args)
    .filter(([key]) => key === 'SystemCallFilter')
    .map(([, value]) => value);
const errno = (...args: Parameters<typeof seccompSettings>): string | undefined =>
  seccompSettings(...args).find(([key]) => key === 'SystemCallErrorNumber')?.[1];
const namespaces = (...args: Parameters<typeof seccompSettings>): string | undefined =>
  seccompSettings(...args).find(([key]) => key === 'RestrictNamespaces')?.[1];

describe('seccompSettings()', () => {
  it('allows the default list when nothing is said, and refuses politely', () => {
    const [, groups, allowed, refused] = filters(undefined);

    expect(groups).toMatch(/^~@cpu-emulation:EPERM .*@mount:EPERM/);
    expect(allowed).toContain('@system-service');
    expect(refused).toMatch(/^~.*\bunshare:EPERM\b/);
  });

  it('says of calls that nobody knows that there are none', () => {
    expect(errno(undefined)).toBe('ENOSYS');
    expect(filters(undefined)[0]).toBe('@default');
  });

  it('takes "remove nothing" for the default list', () => {
    expect(seccompSettings({ mode: 'remove', set: ['@appc.io/empty'] })).toEqual(
      seccompSettings(undefined),
    );
  });

  it('gives the default list one error for all when an error is named', () => {
    const given = { mode: 'remove', set: ['@appc.io/empty'], errno: 'EACCES' } as const;

    expect(errno(given)).toBe('EACCES');
    expect(filters(given)[0]).toContain('@system-service');
    expect(filters(given).join()).not.toContain(':');
  });

  it('takes "retain all" for no filter', () => {
    expect(seccompSettings({ mode: 'retain', set: ['@appc.io/all'] })).toEqual([]);
  });

  it('retains only what is named, and what any program needs', () => {
    expect(filters({ mode: 'retain', set: ['read', '@systemd/clock'] })).toEqual([
      '@default read @clock',
    ]);
  });

  it('removes what is named, killing unless an error is named', () => {
    const remove = { mode: 'remove', set: ['mkdir', '@rkt/default-blacklist'] } as const;

    expect(filters(remove)[0]).toMatch(/^~mkdir .*\bmount\b/);
    expect(errno(remove)).toBeUndefined();
    expect(errno({ ...remove, errno: 'ENOSYS' })).toBe('ENOSYS');
  });

  it('leaves only the indispensable when all is removed', () => {
    expect(filters({ mode: 'remove', set: ['@appc.io/all'] })).toEqual(['@default']);
  });

  it('lets a call be named that a set leaves out', () => {
    const [allowed, refused] = filters({
      mode: 'retain',
      set: ['@docker/default-whitelist', 'unshare'],
    });

    expect(allowed).toMatch(/\bunshare$/);
    expect(refused).not.toMatch(/\bunshare\b/);
  });

  it('keeps clone from making namespaces where a list refuses unshare and setns', () => {
    expect(namespaces(undefined)).toBe('yes');
    expect(namespaces({ mode: 'retain', set: ['@docker/default-whitelist'] })).toBe('yes');
    expect(namespaces({ mode: 'remove', set: ['@rkt/default-blacklist', 'mkdir'] })).toBe('yes');
  });

  it.each(['unshare', 'setns', 'clone', 'clone3'])(
    'leaves namespaces to an app that retains %s by name',
    (call) => {
      const set = ['@docker/default-whitelist', call];

      expect(namespaces({ mode: 'retain', set })).toBeUndefined();
    },
  );

  it('leaves clone alone where calls are only named', () => {
    expect(namespaces({ mode: 'retain', set: ['clone', 'read'] })).toBeUndefined();
    expect(namespaces({ mode: 'remove', set: ['unshare', 'setns'] })).toBeUndefined();
  });

  it('rejects a set that is not known', () => {
    expect(() => seccompSettings({ mode: 'retain', set: ['@rkt/nothing'] })).toThrow(
      'cannot filter system calls: there is no set "@rkt/nothing"',
    );
  });
});
