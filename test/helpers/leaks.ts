import { globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PodContext } from './pod-context.ts';

/** Finds what the pods of one machine have left on the host, and what they have taken from it, each thing as a line that says what it is. */
export interface LeakWatch {
  /** Remembers the pods that are there, so that their traces are found when they are gone. */
  note(): void;
  /** What is there now: processes and mounts of the machine's folder; cgroups and pins of its pods. */
  left(): readonly string[];
  /** Waits until nothing is left, as what cleans up takes a moment. @returns what is left when the time is over */
  settled(timeoutMs?: number): Promise<readonly string[]>;
}

const POLL_MS = 50;

/** @param machine whose folders no other test shares: a process that knows them, or has something of theirs mounted, is its own */
export function watchLeaks({ dir, dataDir }: Pick<PodContext, 'dir' | 'dataDir'>): LeakWatch {
  const pods = new Set<string>();
  const own = hostMounts();
  const note = (): void =>
    globSync(join(dataDir, 'pods', '*', '*')).forEach((path) => void pods.add(basename(path)));
  const left = (): readonly string[] => [
    ...processesOf(dir),
    ...mountsOf(dir),
    ...tracesOf(pods),
    ...lostMounts(own),
  ];

  return {
    note,
    left,
    async settled(timeoutMs = 15_000) {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const found = left();
        if (found.length === 0 || Date.now() > deadline) return found;
        await sleep(POLL_MS);
      }
    },
  };
}

/** Processes with the folder in their command line, in their mount table, or as their working directory. */
function processesOf(dir: string): readonly string[] {
  const own = readlinkSync('/proc/self/ns/mnt');

  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) => {
      const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      const elsewhere = link(`/proc/${pid}/ns/mnt`) !== own;
      const isOurs =
        command.includes(dir) ||
        link(`/proc/${pid}/cwd`).startsWith(dir) ||
        (elsewhere && read(`/proc/${pid}/mountinfo`).includes(dir));
      return isOurs ? [`process ${pid}: ${command}`] : [];
    });
}

function mountsOf(dir: string): readonly string[] {
  return read('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.includes(dir))
    .map((line) => `mount ${line}`);
}

/** The host's own mounts below /dev, /proc and /sys, which fly pods see: what is unmounted there must not be unmounted here. */
function hostMounts(): readonly string[] {
  return read('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => /^\/(dev|proc|sys)(\/|$)/.test(path));
}

function lostMounts(before: readonly string[]): readonly string[] {
  const now = hostMounts();

  return before.filter((path) => !now.includes(path)).map((path) => `lost mount ${path}`);
}

/** Cgroups, pinned network namespaces and whatever else has a pod's UUID in its name. */
function tracesOf(pods: ReadonlySet<string>): readonly string[] {
  const names = [
    ...globSync('/sys/fs/cgroup/**/{gantry-,rkt-,machine-rkt}*'),
    ...globSync('/run/{*,*/*,*/*/*}'),
    ...globSync('/{tmp,dev/shm,var/lib/*,var/log/*}/*'),
  ];

  return names.filter((path) => {
    const name = basename(path).replaceAll('\\x2d', '-');
    return [...pods].some((uuid) => name.includes(uuid));
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // The process has ended.
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
