import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findOomCount } from './oom-count.ts';

let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'oom-count-'));
});
afterEach(() => {
  rmSync(top, { recursive: true });
});

/** Makes a cgroup as far as its files go. */
function cgroup(path: string, ...files: readonly string[]): string {
  const dir = join(top, path);
  mkdirSync(dir, { recursive: true });
  for (const name of files) writeFileSync(join(dir, name), '');
  return dir;
}

describe('findOomCount()', () => {
  it('is that of the pod with version 1', () => {
    const unified = cgroup('v2/pod', 'cgroup.controllers');
    const memory = cgroup('v1/pod', 'memory.oom_control');

    expect(findOomCount([unified, memory])).toBe(join(memory, 'memory.oom_control'));
  });

  it('is that of the unit which the pod is in, where the controller goes no further', () => {
    cgroup('a.slice', 'cgroup.controllers', 'memory.events');
    const unit = cgroup('a.slice/b.service', 'cgroup.controllers', 'memory.events');
    const pod = cgroup('a.slice/b.service/pod', 'cgroup.controllers');

    expect(findOomCount([pod])).toBe(join(unit, 'memory.events'));
    rmSync(join(unit, 'memory.events'));
    expect(findOomCount([pod])).toBeUndefined();
  });

  it('is none where systemd knows', () => {
    cgroup('a.slice', 'cgroup.controllers', 'memory.events');
    const pod = cgroup('a.slice/pod', 'cgroup.controllers', 'memory.events');

    expect(findOomCount([pod])).toBeUndefined();
  });
});
