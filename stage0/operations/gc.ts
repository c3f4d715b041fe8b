import { statSync } from 'node:fs';
import type { PodUuid } from '#schema/types/pod-uuid';
import { listPodUuids, lockPod, readPodState, tryLockPod } from '../pod/find-pod.ts';
import type { LockedPod } from '../pod/locked-pod.ts';
import { type PodPhase, podDirIn } from '../pod/pod-dirs.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import type { GcOutcome, PodResult } from './outcomes.ts';
import { deletePod, markPod } from './remove.ts';

export interface GcOptions {
  /** How long a pod lies as exited garbage before it is removed. */
  readonly gracePeriodMs: number;
  /** How long a prepared pod waits for being run. */
  readonly expirePreparedMs: number;
  readonly markOnly: boolean;
}

/** A pod is made and locked in less; what is older was left by a process that died. */
const EMBRYO_MS = 60_000;

/**
 * Marks pods that ended and pods that were never finished, then removes those
 * whose time has come. What somebody else is at work on is left to them; what
 * fails is told and does not keep the others from being removed.
 */
export async function collectGarbage(
  context: OperationContext,
  { gracePeriodMs, expirePreparedMs, markOnly }: GcOptions,
): Promise<GcOutcome> {
  using library = openLibrary(context);
  const sweep: Sweep = { context, library, marked: [], deleted: [] };

  await markAll(sweep, { phase: 'run', olderThanMs: 0 });
  await markAll(sweep, { phase: 'prepare', olderThanMs: 0 });
  await markAll(sweep, { phase: 'embryo', olderThanMs: EMBRYO_MS });
  if (markOnly) return { marked: sweep.marked, deleted: sweep.deleted };

  await markAll(sweep, { phase: 'prepared', olderThanMs: expirePreparedMs });
  await deleteAll(sweep, { phase: 'exited-garbage', olderThanMs: gracePeriodMs });
  await deleteAll(sweep, { phase: 'garbage', olderThanMs: 0 });

  return { marked: sweep.marked, deleted: sweep.deleted };
}

interface Sweep {
  readonly context: OperationContext;
  readonly library: Library;
  readonly marked: PodResult[];
  readonly deleted: PodResult[];
}

interface Aged<Phase extends PodPhase> {
  readonly phase: Phase;
  readonly olderThanMs: number;
}

async function markAll(sweep: Sweep, which: Aged<PodPhase>): Promise<void> {
  const { context, library, marked } = sweep;
  for (const uuid of agedPods(context, which)) {
    using pod = await lockIdlePod(context, { uuid, phase: which.phase });
    if (pod === undefined) continue;
    marked.push(await resultOf(uuid, () => markPod(context, library, pod)));
  }
}

/** Of a pod that has ended and is just being released that end is waited for: `gc --mark-only` runs when a unit stops. */
async function lockIdlePod(
  { kernel, dataDir }: OperationContext,
  { uuid, phase }: { readonly uuid: PodUuid; readonly phase: PodPhase },
): Promise<LockedPod | undefined> {
  const locked = tryLockPod(kernel, { dataDir, uuid, phase });
  if (locked !== undefined || readPodState(kernel, dataDir, uuid)?.name !== 'exited') return locked;

  return await lockPod(kernel, { dataDir, uuid, phase });
}

async function deleteAll(sweep: Sweep, which: Aged<'exited-garbage' | 'garbage'>): Promise<void> {
  const { context, library, deleted } = sweep;
  for (const uuid of agedPods(context, which)) {
    using pod = tryLockPod(context.kernel, { dataDir: context.dataDir, uuid, phase: which.phase });
    if (pod === undefined) continue;
    deleted.push(await resultOf(uuid, () => deletePod(context, library, pod)));
  }
}

/** Pods in a phase for long enough; a rename into it set the change time of the directory. */
function agedPods(
  { dataDir, now }: OperationContext,
  { phase, olderThanMs }: Aged<PodPhase>,
): readonly PodUuid[] {
  return listPodUuids(dataDir, [phase]).filter((uuid) => {
    const stats = statSync(podDirIn(dataDir, phase, uuid), { throwIfNoEntry: false });
    return stats !== undefined && stats.ctimeMs + olderThanMs <= now();
  });
}

async function resultOf(uuid: PodUuid, action: () => Promise<unknown>): Promise<PodResult> {
  try {
    await action();
    return { uuid, error: undefined };
  } catch (error) {
    return { uuid, error };
  }
}
