import { describe, expect, it } from 'vitest';
import { seccompSettings } from './filter.ts';

const filters = (...args: Parameters<typeof seccompSettings>): readonly string[] =>
  seccompSettings(...args)
    .filter(([key]) => key === 'SystemCallFilter')
    .map(([, value]) => value);
const errno = (...args: Parameters<typeof seccompSettings>): string | undefined =>
  seccompSettings(...args).find(([key]) => key === 'SystemCallErrorNumber')?.[1];

describe('seccompSettings()', () => {
  it('allows the default list when nothing is said, and refuses politely', () => {
    expect(filters(undefined)[0]).toContain('@system-service');
    expect(filters(undefined)[1]).toMatch(/^~.*\bunshare\b/);
    expect(errno(undefined)).toBe('EPERM');
  });

  it('takes "remove nothing" for the default list', () => {
    expect(filters({ mode: 'remove', set: ['@appc.io/empty'] })).toEqual(filters(undefined));
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

  it('rejects a set that is not known', () => {
    expect(() => seccompSettings({ mode: 'retain', set: ['@rkt/nothing'] })).toThrow(
      'cannot filter system calls: there is no set "@rkt/nothing"',
    );
  });
});
