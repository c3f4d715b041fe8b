import { readFileSync } from 'node:fs';
import { errorCode } from '#base/errors/gantry-error';

/** Sums over processes, each read when it is asked for: undefined when one of them may not be looked at. */
export interface ProcessUsage {
  cpuMs(): number | undefined;
  memory(): number | undefined;
  readBytes(): number | undefined;
  writtenBytes(): number | undefined;
}

/** The kernel's clock ticks as programs see them, on every machine that gantry runs on: USER_HZ. */
const MS_PER_TICK = 1000 / 100;

/** What processes use by proc(5). One that has ended meanwhile uses nothing. */
export function processUsage(pids: readonly number[]): ProcessUsage {
  const sum = (read: (pid: number) => number | undefined) => (): number | undefined => {
    if (pids.length === 0) return undefined;
    const values = pids.map(read);
    return values.includes(undefined)
      ? undefined
      : values.reduce<number>((all, value) => all + (value ?? 0), 0);
  };

  return {
    cpuMs: sum(cpuMs),
    memory: sum(memory),
    readBytes: sum((pid) => field(pid, 'io', /^read_bytes: (\d+)$/m)),
    writtenBytes: sum((pid) => field(pid, 'io', /^write_bytes: (\d+)$/m)),
  };
}

/** Its own, and that of its children that it has waited for: utime, stime, cutime, cstime. */
function cpuMs(pid: number): number | undefined {
  const text = textOf(pid, 'stat');
  if (text === undefined) return undefined;
  // Counted from behind the name, in which anything may stand.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((all, value) => all + Number(value), 0);

  return ticks * MS_PER_TICK;
}

/** Its share of what it has in memory; who may not know that is told all of it. */
function memory(pid: number): number | undefined {
  const share = field(pid, 'smaps_rollup', /^Pss: +(\d+) kB$/m);
  const kilobytes = share || field(pid, 'status', /^VmRSS:\s+(\d+) kB$/m);

  return kilobytes === undefined ? undefined : kilobytes * 1024;
}

/** @returns 0 where there is no such line any more, as of a process that has ended */
function field(pid: number, file: string, line: RegExp): number | undefined {
  const text = textOf(pid, file);

  return text === undefined ? undefined : Number(line.exec(text)?.[1] ?? 0);
}

/** @returns nothing of a process that has ended, undefined of one that may not be looked at */
function textOf(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    return ['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '') ? '' : undefined;
  }
}
