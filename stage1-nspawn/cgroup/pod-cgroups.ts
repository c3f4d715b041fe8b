import { mkdirSync, readFileSync, writeFile, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { writePodCgroups } from '#stage1';
import { findHierarchies, type Hierarchy } from './hierarchies.ts';

const cgroupName = (uuid: string): string => `gantry-${uuid}`;

/** Where this process is: read before the first of the pod's cgroups is made. */
export function readHierarchies(): readonly Hierarchy[] {
  const read = (name: string): string => readFileSync(`/proc/self/${name}`, 'utf8');

  return findHierarchies(read('cgroup'), read('mountinfo'));
}

/**
 * Makes a cgroup for the pod below the caller's own in every hierarchy, so
 * that its limits hold, and notes them in the pod directory.
 * @returns the folders to enter
 * @throws GantryError CGROUP_UNUSABLE when there is no hierarchy, or the cgroup cannot be made
 */
export function makePodCgroups(
  podDir: string,
  uuid: string,
  hierarchies: readonly Hierarchy[],
): readonly string[] {
  if (hierarchies.length === 0) {
    throw new GantryError(
      'CGROUP_UNUSABLE',
      'cannot run the pod: no cgroup hierarchy is mounted where this process can write',
      {
        hint: 'mount one: mount -t cgroup2 none /sys/fs/cgroup; in a unit of systemd, leave out ProtectControlGroups=',
      },
    );
  }
  const cgroups = hierarchies.map(({ controllers, path }) => ({
    controllers,
    path: join(path, cgroupName(uuid)),
  }));
  const dirs = hierarchies.map(({ mountPoint }, index) =>
    join(mountPoint, cgroups[index]?.path ?? ''),
  );

  writePodCgroups(podDir, cgroups);
  for (const dir of dirs) makeCgroup(dir);
  return dirs;
}

/**
 * Moves a process to where it is. On the first move the kernel waits for a grace
 * period, 8 ms and more, and not on those that follow within 12; on the thread
 * pool that passes beside other work. What is not allowed here is told by the
 * move that counts.
 */
export async function expectMoves(hierarchies: readonly Hierarchy[], pid: number): Promise<void> {
  const [first] = hierarchies;
  if (first !== undefined) await moveTo(join(first.mountPoint, first.path), pid);
}

/** Moves this process, and with it the pod that it becomes. The thread pool still sees the host's mounts. */
export async function enterPodCgroups(dirs: readonly string[], pid: number): Promise<void> {
  for (const dir of dirs) {
    const error = await moveTo(dir, pid);
    if (error !== undefined) throw unusable(dir, error);
  }
}

/** @returns why not, when it fails */
function moveTo(dir: string, pid: number): Promise<Error | undefined> {
  return new Promise((resolve) => {
    const place = join(dir, 'cgroup.procs');
    // Not node:fs/promises, which takes longer to load than this to run.
    writeFile(place, String(pid), { flag: 'r+' }, (error) => resolve(error ?? undefined));
  });
}

function makeCgroup(dir: string): void {
  try {
    mkdirSync(dir);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw unusable(dir, error);
  }
  inheritCpuset(dir);
}

/** A new v1 cpuset is empty and takes no process: it gets what its parent has. */
function inheritCpuset(dir: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    let parent: string;
    try {
      parent = readFileSync(join(dir, '..', name), 'utf8');
      if (readFileSync(join(dir, name), 'utf8').trim() !== '') continue;
    } catch {
      // Not a cpuset, or a v2 one, which inherits by itself.
      return;
    }
    if (parent.trim() !== '') writeFileSync(join(dir, name), parent);
  }
}

/** What the kernel means, cgroups(7). */
const STATES: Readonly<Record<string, string>> = {
  EAGAIN: 'a limit on the number of cgroups is reached',
  EBUSY: 'the cgroup above it passes controllers on, or holds processes of its own',
  EOPNOTSUPP: 'the cgroup above it is threaded, or not one for processes',
};

const HINTS: Readonly<Record<string, string>> = {
  EAGAIN: 'see cgroup.max.descendants and cgroup.max.depth in the cgroups above',
  EOPNOTSUPP: "start it from another cgroup: see cgroup.type of the caller's",
};

function unusable(dir: string, cause: unknown): GantryError {
  const code = errorCode(cause) ?? '';
  return new GantryError(
    'CGROUP_UNUSABLE',
    `cannot put the pod into cgroup "${dir}": ${STATES[code] ?? fileState(cause)}`,
    { cause, hint: HINTS[code] },
  );
}
