import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { type Kernel, LOCK } from '#base/kernel/kernel';
import { type LockMode, tryLockPath } from '#base/lock/directory-lock';
import { isAcName } from '#schema/types/names';
import { type PodUuid, parsePodUuid } from '#schema/types/pod-uuid';
import { isPodCgroupPopulated } from '#stage1';
import { type LockedPod, lockedPod } from './locked-pod.ts';
import { POD_PHASES, type PodPhase, phaseDir, podDirIn } from './pod-dirs.ts';
import { findPodByName } from './pod-names.ts';
import { type PodState, podState } from './pod-state.ts';

/** The folders whose pods have a name for users. */
const NAMED_PHASES: readonly PodPhase[] = ['prepare', 'prepared', 'run', 'exited-garbage'];

/** The UUIDs of the pods in some phases, each once, sorted. A pod that moves meanwhile is not missed: phases are read in the order of life. */
export function listPodUuids(
  dataDir: string,
  phases: readonly PodPhase[] = NAMED_PHASES,
): readonly PodUuid[] {
  const found = new Set<PodUuid>();
  for (const phase of POD_PHASES.filter((each) => phases.includes(each))) {
    for (const name of namesIn(phaseDir(dataDir, phase))) {
      const uuid = uuidOrNothing(name);
      if (uuid !== undefined) found.add(uuid);
    }
  }

  return [...found].sort();
}

/**
 * The pod that a user means: a name, a whole UUID, or an unambiguous beginning
 * of one, in either case. What is both a name and a beginning is the name.
 * @throws GantryError POD_NOT_FOUND, POD_AMBIGUOUS
 */
export function findPodUuid(dataDir: string, text: string): PodUuid {
  const word = text.trim();
  const prefix = word.toLowerCase();
  const uuids = listPodUuids(dataDir);
  const named = isAcName(word) ? findPodByName(dataDir, word) : undefined;
  if (named !== undefined && uuids.includes(named)) return named;
  if (!/^[0-9a-f-]{1,36}$/.test(prefix)) {
    throw new GantryError('POD_NOT_FOUND', `cannot find pod "${text}": no pod is called so`, {
      hint: 'a pod goes by its UUID, a beginning of that, or its name; see "gantry list"',
    });
  }

  const matches = uuids.filter((uuid) => uuid.startsWith(prefix));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  if (matches.length > 1) {
    throw new GantryError(
      'POD_AMBIGUOUS',
      `cannot find pod "${text}": ${matches.length} pods begin so`,
      { hint: `one of ${matches.slice(0, 5).join(', ')}` },
    );
  }
  throw new GantryError('POD_NOT_FOUND', `cannot find pod "${text}": no such pod`, {
    hint: 'see "gantry list"',
  });
}

/**
 * The pod named in a file that `--uuid-file-save` wrote.
 * @throws GantryError UUID_FILE_UNREADABLE, POD_NOT_FOUND, POD_AMBIGUOUS
 */
export function findPodInFile(dataDir: string, path: string): PodUuid {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new GantryError('UUID_FILE_UNREADABLE', `cannot read UUID file "${path}"`, {
      cause: error,
    });
  }

  return findPodUuid(dataDir, text);
}

/**
 * Where a pod stands at this moment.
 * @returns undefined when there is no such pod
 */
export function readPodState(kernel: Kernel, dataDir: string, uuid: PodUuid): PodState | undefined {
  for (const phase of POD_PHASES) {
    const dir = podDirIn(dataDir, phase, uuid);
    const locked = probeLock(kernel, dir);
    // A pod only ever moves on: if it left while it was looked at, it is in a later folder.
    if (locked === undefined) continue;
    return podState({ uuid, dir, phase, locked, populated: () => isPodCgroupPopulated(dir) });
  }

  return undefined;
}

/** As `readPodState`. @throws GantryError POD_NOT_FOUND */
export function demandPodState(kernel: Kernel, dataDir: string, uuid: PodUuid): PodState {
  const state = readPodState(kernel, dataDir, uuid);
  if (state !== undefined) return state;

  throw new GantryError('POD_NOT_FOUND', `cannot find pod ${uuid}: no such pod`, {
    hint: 'see "gantry list"',
  });
}

/**
 * Locks a pod in the phase where it was seen.
 * @param mode shared keeps the pod from being removed and says nothing of its life
 * @returns undefined when somebody holds it, or it has moved on
 */
export function tryLockPod<Phase extends PodPhase>(
  kernel: Kernel,
  pod: { readonly dataDir: string; readonly uuid: PodUuid; readonly phase: Phase },
  mode: LockMode = 'exclusive',
): LockedPod<Phase> | undefined {
  const dir = podDirIn(pod.dataDir, pod.phase, pod.uuid);
  try {
    const lock = tryLockPath(kernel, dir, mode);
    if (lock === undefined) return undefined;
    if (isStillAt(lock.fd, dir)) return lockedPod(pod, lock);

    lock.release();
    return undefined;
  } catch (error) {
    if (isGantryError(error, 'LOCK_NO_SUCH_PATH')) return undefined;
    throw error;
  }
}

const SHARER_MS = 10_000;
const PAUSE_MS = 5;

/**
 * As `tryLockPod`, but does not take somebody who only looks at the pod, or
 * gives back what it held, for somebody who works on it: that is soon over.
 */
export async function lockPod<Phase extends PodPhase>(
  kernel: Kernel,
  pod: { readonly dataDir: string; readonly uuid: PodUuid; readonly phase: Phase },
): Promise<LockedPod<Phase> | undefined> {
  const deadline = Date.now() + SHARER_MS;
  for (;;) {
    const locked = tryLockPod(kernel, pod);
    const isThere = existsSync(podDirIn(pod.dataDir, pod.phase, pod.uuid));
    if (locked !== undefined || !isThere || Date.now() > deadline) return locked;

    // The other holds the same kind of lock whether it reads or works, so there is nothing to wait on.
    await new Promise((resolve) => void setTimeout(resolve, PAUSE_MS));
  }
}

/** Whether a pod's directory is locked exclusively; undefined when it is not there (any more). */
function probeLock(kernel: Kernel, dir: string): boolean | undefined {
  let fd: number;
  try {
    fd = openSync(dir, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }

  try {
    const free = kernel.flock(fd, LOCK.SH | LOCK.NB);
    return isStillAt(fd, dir) ? !free : undefined;
  } finally {
    closeSync(fd);
  }
}

function isStillAt(fd: number, dir: string): boolean {
  try {
    const [open, named] = [fstatSync(fd), statSync(dir)];
    return open.ino === named.ino && open.dev === named.dev;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function uuidOrNothing(name: string): PodUuid | undefined {
  try {
    return parsePodUuid(name);
  } catch {
    return undefined;
  }
}
