import { existsSync, writeFileSync } from 'node:fs';
import { errorMessage } from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import { lockPath, tryLockPath } from '#base/lock/directory-lock';
import type { PodUuid } from '#schema/types/pod-uuid';
import { releasedPath, releaseLockPath } from '#stage1';
import { listPodUuids } from '../pod/find-pod.ts';
import type { LockedPod } from '../pod/locked-pod.ts';
import { tryLockPod } from '../pod/take-pod.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import { releasePod } from './release.ts';

/** The phases of pods that may have ended and hold something yet. */
const PHASES = ['run', 'exited-garbage'] as const;

/**
 * Ends what is left of a pod that has ended, and has it give back what it held.
 * A pod that lives, is gone, or is in somebody else's hands is nobody's business
 * here: whoever removes it releases it first.
 * @throws GantryError POD_NOT_KILLED
 */
export async function releaseEndedPod(
  context: OperationContext,
  uuid: PodUuid,
  { wait = false }: Partial<Pick<LoneRelease, 'wait'>> = {},
): Promise<void> {
  using library = openLibrary(context);
  for (const phase of PHASES) {
    using pod = tryLockPod(context.kernel, { dataDir: context.dataDir, uuid, phase }, 'shared');
    if (pod !== undefined) await releaseAlone(context, library, { pod, wait });
  }
}

/**
 * Has every pod that has ended give back what it held, and waits for those that
 * are at it.
 * @param wanted only these; all unless told
 * @returns those that had something left when this began, and have not now
 */
export async function releaseEndedPods(
  context: OperationContext,
  wanted?: ReadonlySet<PodUuid>,
): Promise<readonly PodUuid[]> {
  const { kernel, dataDir, log } = context;
  const done: PodUuid[] = [];
  using library = openLibrary(context);
  for (const phase of PHASES) {
    for (const uuid of listPodUuids(dataDir, [phase])) {
      if (wanted?.has(uuid) === false) continue;
      using pod = tryLockPod(kernel, { dataDir, uuid, phase }, 'shared');
      if (pod === undefined || existsSync(releasedPath(pod.dir))) continue;
      try {
        await releaseAlone(context, library, { pod, wait: true });
        if (existsSync(releasedPath(pod.dir))) done.push(uuid);
      } catch (error) {
        // One that cannot be released does not keep the others.
        log.warning(`cannot release pod ${uuid}: ${errorMessage(error)}`);
      }
    }
  }

  return done;
}

interface LoneRelease {
  readonly pod: LockedPod<'run' | 'exited-garbage'>;
  /** Whether somebody else who does the same is waited for. */
  readonly wait: boolean;
}

/** The pod has ended, and must be seen so: its own lock, taken exclusively, would say that it lives. */
async function releaseAlone(
  context: OperationContext,
  library: Library,
  { pod, wait }: LoneRelease,
): Promise<void> {
  const path = releaseLockPath(pod.dir);
  if (!isMade(path)) {
    await releasePod(context, library, { pod });
    return;
  }
  using lock = (wait ? lockPath : tryLockPath)(context.kernel, path, 'exclusive');
  if (lock !== undefined) await releasePod(context, library, { pod });
}

/** Without room for one more file there is no lock; two that release a pod at once do no harm, one that nobody releases does. */
function isMade(path: string): boolean {
  try {
    writeFileSync(path, '', { flag: 'a' });
    return true;
  } catch (error) {
    if (obstacleOf(error) === undefined) throw error;
    return false;
  }
}
