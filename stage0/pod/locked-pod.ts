import { existsSync, readFileSync, renameSync } from 'node:fs';
import { errorCode, GantryError, isGantryError } from '#base/errors/gantry-error';
import { syncDir } from '#base/fs/atomic';
import type { Kernel } from '#base/kernel/kernel';
import { type HeldLock, lockPath } from '#base/lock/directory-lock';
import { type PodUuid, parsePodUuid } from '#schema/types/pod-uuid';
import { demandPodsFormat, writePodsFormat } from './pod-format.ts';
import { makePhaseDirs, makePodDir, type PodPhase, phaseDir, podDirIn } from './pod-dirs.ts';

/** A pod in a phase, its directory locked by this process. Letting go of it unlocks it and changes nothing else. */
export interface LockedPod<Phase extends PodPhase = PodPhase> extends Disposable {
  readonly uuid: PodUuid;
  readonly dataDir: string;
  readonly phase: Phase;
  readonly dir: string;
  readonly lock: HeldLock;
}

/** Which phase may follow which: the legal moves, checked by the compiler. */
interface Moves {
  embryo: 'prepare' | 'garbage';
  prepare: 'prepared' | 'run' | 'garbage';
  prepared: 'run' | 'garbage';
  run: 'exited-garbage';
  'exited-garbage': 'garbage';
  garbage: never;
}

/**
 * Makes a new pod, in the phase `prepare`. The directory is made and locked
 * where nobody takes it for a pod, then moved.
 * @throws GantryError POD_TOO_NEW
 */
export function createPod(kernel: Kernel, dataDir: string): LockedPod<'prepare'> {
  demandPodsFormat(dataDir);
  for (;;) {
    const pod = tryCreatePod(kernel, dataDir);
    if (pod !== undefined) return pod;
  }
}

/**
 * @returns undefined when gc took the directory before it was locked: it goes
 * by age, and a clock that was set makes anything old
 */
function tryCreatePod(kernel: Kernel, dataDir: string): LockedPod<'prepare'> | undefined {
  const uuid = newPodUuid();
  const dir = podDirIn(dataDir, 'embryo', uuid);
  makeEmbryo(dataDir, dir);
  const lock = lockIfThere(kernel, dir);
  if (lock === undefined) return undefined;

  const embryo = lockedPod({ uuid, dataDir, phase: 'embryo' }, lock);
  // Nothing of a pod that was being made is worth finding after a power loss.
  const pod = movePod(embryo, 'prepare', { durable: false });
  if (pod === undefined) lock.release();
  return pod;
}

function makeEmbryo(dataDir: string, dir: string): void {
  try {
    makePodDir(dir);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    makePhaseDirs(dataDir);
    writePodsFormat(dataDir);
    makePodDir(dir);
  }
}

function lockIfThere(kernel: Kernel, dir: string): HeldLock | undefined {
  try {
    return lockPath(kernel, dir, 'exclusive');
  } catch (error) {
    if (isGantryError(error, 'LOCK_NO_SUCH_PATH')) return undefined;
    throw error;
  }
}

export interface MoveOptions {
  /** Whether the move survives a power loss; true unless told. */
  readonly durable?: boolean | undefined;
}

/**
 * Moves a pod into its next phase: one rename, and an fsync of the new parent.
 * @returns the pod as it is now; the one given in must not be used any more.
 * Undefined when it is not where it was: another process was faster
 */
export function movePod<From extends PodPhase, To extends Moves[From]>(
  pod: LockedPod<From>,
  phase: To,
  { durable = true }: MoveOptions = {},
): LockedPod<To> | undefined {
  const target = podDirIn(pod.dataDir, phase, pod.uuid);
  try {
    renameSync(pod.dir, target);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || existsSync(pod.dir)) throw error;
    return undefined;
  }
  if (durable) syncDir(phaseDir(pod.dataDir, phase));

  return lockedPod({ uuid: pod.uuid, dataDir: pod.dataDir, phase }, pod.lock);
}

/** As `movePod`, for who cannot go on without the pod. @throws GantryError POD_MOVED */
export function demandMove<From extends PodPhase, To extends Moves[From]>(
  pod: LockedPod<From>,
  phase: To,
  options: MoveOptions = {},
): LockedPod<To> {
  const moved = movePod(pod, phase, options);
  if (moved !== undefined) return moved;

  throw new GantryError('POD_MOVED', `cannot move pod ${pod.uuid} to ${phase}: it is gone`, {
    hint: 'somebody removed it by hand, or another gantry did',
  });
}

/** Binds a held lock to the pod whose directory it is on. */
export function lockedPod<Phase extends PodPhase>(
  { uuid, dataDir, phase }: { uuid: PodUuid; dataDir: string; phase: Phase },
  lock: HeldLock,
): LockedPod<Phase> {
  return {
    uuid,
    dataDir,
    phase,
    dir: podDirIn(dataDir, phase, uuid),
    lock,
    [Symbol.dispose]: () => lock.release(),
  };
}

/** A random UUID from the kernel, random(4): loading node:crypto for it would take longer than all else here. */
function newPodUuid(): PodUuid {
  return parsePodUuid(readFileSync('/proc/sys/kernel/random/uuid', 'utf8').trim());
}
