import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Usage } from './usage.ts';

/**
 * What is counted for cgroups, version 1 or 2. Reads and writes only by version
 * 2: the first does not know who wrote what reaches the disk later.
 * @param dirs of the same processes, one in each hierarchy
 */
export function cgroupUsage(dirs: readonly string[]): Omit<Usage, 'processes'> {
  return {
    cpuMs: first(dirs, cpuMs),
    memory: first(dirs, memory),
    readBytes: first(dirs, (dir) => ioBytes(dir, 'rbytes')),
    writtenBytes: first(dirs, (dir) => ioBytes(dir, 'wbytes')),
  };
}

function first(
  dirs: readonly string[],
  read: (dir: string) => number | undefined,
): number | undefined {
  for (const dir of dirs) {
    const value = read(dir);
    if (value !== undefined) return value;
  }

  return undefined;
}

function cpuMs(dir: string): number | undefined {
  const us = fieldOf(dir, 'cpu.stat', 'usage_usec');
  if (us !== undefined) return us / 1000;
  const ns = numberIn(dir, 'cpuacct.usage');

  return ns === undefined ? undefined : ns / 1_000_000;
}

/** Without the part of the page cache that the kernel would drop first. */
function memory(dir: string): number | undefined {
  const [all, dropped] =
    numberIn(dir, 'memory.current') === undefined
      ? [numberIn(dir, 'memory.usage_in_bytes'), 'total_inactive_file']
      : [numberIn(dir, 'memory.current'), 'inactive_file'];
  if (all === undefined) return undefined;

  return Math.max(0, all - (fieldOf(dir, 'memory.stat', dropped) ?? 0));
}

/** Lines `MAJOR:MINOR rbytes=N wbytes=N …`, one for each device. */
function ioBytes(dir: string, name: 'rbytes' | 'wbytes'): number | undefined {
  const text = textIn(dir, 'io.stat');
  if (text === undefined) return undefined;
  const counts = [...text.matchAll(new RegExp(`\\b${name}=(\\d+)`, 'g'))];

  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Lines `NAME N`. */
function fieldOf(dir: string, file: string, name: string): number | undefined {
  const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(textIn(dir, file) ?? '');

  return found === null ? undefined : Number(found[1]);
}

function numberIn(dir: string, file: string): number | undefined {
  const text = textIn(dir, file)?.trim() ?? '';

  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** @returns undefined for what the kernel does not count here, and for a cgroup that is gone */
function textIn(dir: string, file: string): string | undefined {
  try {
    return readFileSync(join(dir, file), 'utf8');
  } catch {
    return undefined;
  }
}
