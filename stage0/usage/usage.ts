import { cgroupUsage } from './cgroup-usage.ts';
import { processUsage } from './process-usage.ts';

/** What some processes have used or hold. What cannot be told is undefined. */
export interface Usage {
  /** Milliseconds of processor time, of all processors together. */
  readonly cpuMs: number | undefined;
  /** Bytes, without what is merely a copy of files that can be read again. */
  readonly memory: number | undefined;
  /** How many there are. */
  readonly processes: number | undefined;
  /** Bytes that went to and from disks. */
  readonly readBytes: number | undefined;
  readonly writtenBytes: number | undefined;
}

/** Whom a usage is of. */
export interface Users {
  /** Their cgroup in each hierarchy, where they have one of their own. */
  readonly cgroups: readonly string[];
  readonly pids: readonly number[];
}

/**
 * What the kernel has counted: for their cgroups, and where it does not count
 * something there (no such controller), the sum of what it counts for each
 * process and those that it has waited for.
 */
export function usageOf({ cgroups, pids }: Users): Usage {
  const known = cgroupUsage(cgroups);
  const summed = processUsage(pids);

  return {
    cpuMs: known.cpuMs ?? summed.cpuMs(),
    memory: known.memory ?? summed.memory(),
    processes: pids.length === 0 ? undefined : pids.length,
    readBytes: known.readBytes ?? summed.readBytes(),
    writtenBytes: known.writtenBytes ?? summed.writtenBytes(),
  };
}
