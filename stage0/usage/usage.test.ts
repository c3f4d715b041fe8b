import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ratesOf } from './rates.ts';
import { usageOf } from './usage.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'usage-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const put = (files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
};

describe('usageOf()', () => {
  it('goes by version 2 of cgroups', () => {
    put({
      'cpu.stat': 'usage_usec 2500000\nuser_usec 1\n',
      'memory.current': '5000\n',
      'memory.stat': 'anon 10\ninactive_file 1000\n',
      'io.stat': '8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2 rios=1\n',
    });

    expect(usageOf({ cgroups: ['/none', dir], pids: [] })).toEqual({
      cpuMs: 2500,
      memory: 4000,
      processes: undefined,
      readBytes: 11,
      writtenBytes: 22,
    });
  });

  it('goes by version 1, in which nobody knows who writes', () => {
    put({
      'cpu.stat': 'nr_periods 0\n',
      'cpuacct.usage': '3000000\n',
      'memory.usage_in_bytes': '5000\n',
      'memory.stat': 'inactive_file 1\ntotal_inactive_file 4500\n',
    });

    expect(usageOf({ cgroups: [dir], pids: [] })).toEqual({
      cpuMs: 3,
      memory: 500,
      processes: undefined,
      readBytes: undefined,
      writtenBytes: undefined,
    });
  });

  it('adds up processes where nothing is counted for a cgroup', () => {
    const usage = usageOf({ cgroups: [dir], pids: [process.pid, 2 ** 30] });

    expect(usage.cpuMs).toBeGreaterThan(0);
    expect(usage.memory).toBeGreaterThan(1024 * 1024);
    expect(usage).toMatchObject({ processes: 2, readBytes: expect.any(Number) });
  });
});

describe('ratesOf()', () => {
  const usage = { cpuMs: 100, memory: 0, processes: 1, readBytes: 1000, writtenBytes: undefined };

  it('is for each second, and never less than nothing', () => {
    const later = { ...usage, cpuMs: 600, readBytes: 500, writtenBytes: 10 };

    expect(ratesOf(usage, later, 250)).toEqual({ cpu: 2, read: 0, written: undefined });
  });

  it('is unknown of what was not there before', () => {
    const unknown = { cpu: undefined, read: undefined, written: undefined };

    expect(ratesOf(undefined, usage, 250)).toEqual(unknown);
  });
});
