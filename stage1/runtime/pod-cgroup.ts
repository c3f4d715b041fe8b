import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import type { Kernel } from '#base/kernel/kernel';
import { subcgroupPath } from '../layout/pod-paths.ts';

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
    if (errorCode(error) === 'ENOENT') return [];
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
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const [fstype = '', , options = ''] = right.split(' ');
    const [, , , rootOf = '/', mountPoint = ''] = left.split(' ');
    const matches =
      controllers === ''
        ? fstype === 'cgroup2'
        : fstype === 'cgroup' &&
          controllers.split(',').every((name) => options.split(',').includes(name));
    if (matches && rootOf === '/') return join(mountPoint, path);
  }

  return undefined;
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
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const dirs = existingDirs(podDir);
    const processes = dirs.flatMap(processesBelow);
    if (processes.length === 0) return;
    if (Date.now() > deadline) {
      throw new GantryError(
        'POD_NOT_KILLED',
        `cannot end the pod in "${podDir}": processes ${processes.join(', ')} are left`,
      );
    }

    if (!killWhole(dirs)) for (const pid of new Set(processes)) killQuietly(kernel, pid);
    // The kernel offers no wait for an empty v1 cgroup; dying takes milliseconds.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}

function existingDirs(podDir: string): readonly string[] {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');

  return readPodCgroups(podDir)
    .flatMap((cgroup) => cgroupDir(cgroup, mountinfo) ?? [])
    .filter((dir) => existsSync(dir));
}

/** One write ends a v2 cgroup with everything forked meanwhile (Linux 5.14). @returns whether there was one to write to */
function killWhole(dirs: readonly string[]): boolean {
  let done = false;
  for (const dir of dirs) {
    const file = join(dir, 'cgroup.kill');
    if (!existsSync(file)) continue;
    writeFileSync(file, '1');
    done = true;
  }

  return done;
}

function killQuietly(kernel: Kernel, pid: number): void {
  try {
    kernel.kill(pid, SIGKILL);
  } catch {
    // It has ended by itself.
  }
}

function processesBelow(dir: string): readonly number[] {
  let own: readonly number[];
  let below: readonly string[];
  try {
    own = readFileSync(join(dir, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
    below = readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(dir, name));
  } catch (error) {
    if (['ENOENT', 'ENODEV'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }

  return [...own, ...below.flatMap(processesBelow)];
}
