import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { deadlineIn } from '#base/time/deadline';
import { subcgroupPath } from '../layout/pod-paths.ts';
import { cgroupMounts } from './cgroup-mounts.ts';

/**
 * The pod's own cgroup in one hierarchy. In the pod directory it is one line
 * `CONTROLLERS:PATH` as in proc_pid_cgroup(5) without the number: no
 * controllers for v2, `name=systemd` or `cpu,cpuacct` for v1.
 */
export interface PodCgroup {
  readonly controllers: string;
  /** Absolute in the hierarchy, as seen from the host. */
  readonly path: string;
}

const SIGKILL = 9;

/** Notes in the pod directory which cgroups are the pod's; written before its first process enters them. */
export function writePodCgroups(podDir: string, cgroups: readonly PodCgroup[]): void {
  const lines = cgroups.map(({ controllers, path }) => `${controllers}:${path}\n`);
  writeFileSync(subcgroupPath(podDir), lines.join(''));
}

/** The pod's cgroups; none when it has none of its own. */
export function readPodCgroups(podDir: string): readonly PodCgroup[] {
  let text: string;
  try {
    text = readFileSync(subcgroupPath(podDir), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }

  return text.split('\n').flatMap((line) => {
    const colon = line.indexOf(':');
    const path = line.slice(colon + 1);
    // A cgroup of the pod's own is never a root, and a path that climbs is none that we wrote.
    const acceptable = colon >= 0 && /^\/[^/]/.test(path) && !path.split('/').includes('..');
    return acceptable ? [{ controllers: line.slice(0, colon), path }] : [];
  });
}

/** The folder of a cgroup on this host; undefined when its hierarchy is not mounted. */
export function cgroupDir(
  { controllers, path }: PodCgroup,
  mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8'),
): string | undefined {
  const mount = cgroupMounts(mountinfo).find(({ holds }) => holds(controllers));

  return mount === undefined ? undefined : join(mount.mountPoint, path);
}

/** Processes in the pod's cgroups and below, in any hierarchy. */
export function podProcesses(podDir: string): readonly number[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const dirs = readPodCgroups(podDir).flatMap((cgroup) => cgroupDir(cgroup, mountinfo) ?? []);

  return [...new Set(dirs.flatMap(processesBelow))];
}

/** Whether something of the pod still runs in its cgroups. Pods without cgroups have nothing there. */
export function isPodCgroupPopulated(podDir: string): boolean {
  if (!existsSync(subcgroupPath(podDir))) return false;

  return podProcesses(podDir).length > 0;
}

/**
 * Ends everything in the pod's cgroups and waits until they are empty: for a
 * pod whose lock is free while its payload lives on.
 * @throws GantryError POD_NOT_KILLED when something is left after `timeoutMs`
 */
export function killPodCgroups(kernel: Kernel, podDir: string, timeoutMs: number = 10_000): void {
  if (!existsSync(subcgroupPath(podDir))) return;

  const deadline = deadlineIn(timeoutMs);
  for (;;) {
    const dirs = existingDirs(podDir);
    const processes = [...new Set(dirs.flatMap(processesBelow))];
    if (processes.length === 0) return;
    if (deadline.passed()) {
      throw new GantryError(
        'POD_NOT_KILLED',
        `cannot end the pod in "${podDir}": processes ${processes.join(', ')} are left`,
      );
    }

    killWhole(dirs);
    for (const pid of processes) killQuietly(kernel, pid);
    // The kernel offers no wait for an empty v1 cgroup; dying takes milliseconds.
    pause(5);
  }
}

/**
 * Removes the pod's cgroups, which must be empty, with what is below them;
 * nothing when that has been done.
 * @throws EBUSY when something lives there
 */
export function removePodCgroups(podDir: string): void {
  for (const dir of existingDirs(podDir)) removeCgroup(dir);
}

/** The folders of the pod's cgroups that are there. */
export function podCgroupDirs(podDir: string): readonly string[] {
  return existsSync(subcgroupPath(podDir)) ? existingDirs(podDir) : [];
}

function existingDirs(podDir: string): readonly string[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');

  return readPodCgroups(podDir)
    .flatMap((cgroup) => cgroupDir(cgroup, mountinfo) ?? [])
    .filter((dir) => existsSync(dir));
}

/** One write ends a v2 cgroup with everything forked meanwhile (Linux 5.14). */
function killWhole(dirs: readonly string[]): void {
  for (const dir of dirs) {
    const file = join(dir, 'cgroup.kill');
    if (existsSync(file)) writeFileSync(file, '1');
  }
}

function killQuietly(kernel: Kernel, pid: number): void {
  try {
    kernel.kill(pid, SIGKILL);
  } catch {
    // It has ended by itself.
  }
}

/** Cgroups are removed from the leaves; a dying process may hold one for a moment. */
function removeCgroup(dir: string): void {
  for (const child of cgroupsBelow(dir)) removeCgroup(child);
  for (let tries = 1; ; tries += 1) {
    try {
      rmdirSync(dir);
      return;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      if (errorCode(error) !== 'EBUSY' || tries === REMOVE_TRIES) throw error;
      pause(10);
    }
  }
}

const REMOVE_TRIES = 100;

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Processes in a cgroup and below. */
export function processesBelow(dir: string): readonly number[] {
  return [...processesIn(dir), ...cgroupsBelow(dir).flatMap(processesBelow)];
}

function processesIn(dir: string): readonly number[] {
  return unlessGone([], () =>
    readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number),
  );
}

/** Paths of the cgroups directly below one. */
export function cgroupsBelow(dir: string): readonly string[] {
  return unlessGone([], () =>
    readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(dir, name)),
  );
}

/** Of a cgroup that is removed meanwhile, or has been, there is nothing. */
function unlessGone<Result>(nothing: Result, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(errorCode(error) ?? '')) return nothing;
    throw error;
  }
}
