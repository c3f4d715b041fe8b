import { chmodSync, existsSync, lstatSync, type Stats } from 'node:fs';
import type { PodUuid } from '#schema/types/pod-uuid';
import { releasedPath } from '#stage1';
import { dropStaleNames } from '../pod/claim-pod-name.ts';
import { listPodUuids } from '../pod/find-pod.ts';
import type { LockedPod } from '../pod/locked-pod.ts';
import { readPodState } from '../pod/look-at-pod.ts';
import { type PodPhase, podDirIn, podsDir } from '../pod/pod-dirs.ts';
import { regroupPods } from '../pod/regroup-pods.ts';
import { takePod, tryLockPod } from '../pod/take-pod.ts';
import type { OperationContext } from './context.ts';
import { type Library, openLibrary } from './library.ts';
import type { GcOutcome, PodResult } from './outcomes.ts';
import { type DeadPod, deletePod, markPod, notReleased, removeStray } from './remove.ts';
import { releasePod } from './release.ts';

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
 * Marks pods that ended and pods that were never finished, and gives back what
 * they held, then removes those whose time has come. What somebody else is at
 * work on is left to them; what fails is told and does not keep the others from
 * being removed.
 */
export async function collectGarbage(
  context: OperationContext,
  { gracePeriodMs, expirePreparedMs, markOnly }: GcOptions,
): Promise<GcOutcome> {
  using library = openLibrary(context);
  giveToLaterGroup(context);
  const sweep: Sweep = { context, library, marked: [], deleted: [], stuck: new Set() };

  await markAll(sweep, { phase: 'run', olderThanMs: 0 });
  await markAll(sweep, { phase: 'prepare', olderThanMs: 0 });
  await markAll(sweep, { phase: 'embryo', olderThanMs: EMBRYO_MS });
  await releaseAll(sweep);
  if (markOnly) return { marked: sweep.marked, deleted: sweep.deleted };

  await markAll(sweep, { phase: 'prepared', olderThanMs: expirePreparedMs });
  await deleteAll(sweep, { phase: 'exited-garbage', olderThanMs: gracePeriodMs });
  await deleteAll(sweep, { phase: 'garbage', olderThanMs: 0 });
  dropStaleNames(context.kernel, context.dataDir);

  return { marked: sweep.marked, deleted: sweep.deleted };
}

/** Pods that are older than the group that sees pods become its own when root collects. */
export function giveToLaterGroup({ dataDir, log }: OperationContext): void {
  if (regroupPods(dataDir)) log.info(`gave the pods in "${podsDir(dataDir)}" to their group`);
}

interface Sweep {
  readonly context: OperationContext;
  readonly library: Library;
  readonly marked: PodResult[];
  readonly deleted: PodResult[];
  /** Those that could not give back what they held: once is enough. */
  readonly stuck: Set<PodUuid>;
}

interface Aged<Phase extends PodPhase> {
  readonly phase: Phase;
  readonly olderThanMs: number;
}

async function markAll(sweep: Sweep, which: Aged<PodPhase>): Promise<void> {
  const { context, marked } = sweep;
  for (const { uuid, isDirectory, dir } of agedPods(context, which)) {
    if (!isDirectory) {
      marked.push(await resultOf(uuid, () => removeStray(dir)));
      continue;
    }
    using pod = await lockIdlePod(context, { uuid, phase: which.phase });
    if (pod === undefined) continue;
    const result = await resultOf(uuid, () => markAndRelease(sweep, pod));
    if (result.value !== undefined || result.error !== undefined) marked.push(result);
  }
}

async function markAndRelease(sweep: Sweep, pod: LockedPod): Promise<DeadPod | undefined> {
  const dead = markPod(sweep.context, pod);
  if (dead?.phase === 'exited-garbage') await release(sweep, dead);

  return dead;
}

async function release(
  { context, library, stuck }: Sweep,
  pod: LockedPod<'exited-garbage'>,
): Promise<void> {
  if (!(await releasePod(context, library, { pod }))) stuck.add(pod.uuid);
}

/** Of a pod that has ended and is just being released that end is waited for: `gc --mark-only` runs when a unit stops. */
async function lockIdlePod(
  context: OperationContext,
  { uuid, phase }: { readonly uuid: PodUuid; readonly phase: PodPhase },
): Promise<LockedPod | undefined> {
  const { kernel, dataDir } = context;
  const locked = tryLockPod(kernel, { dataDir, uuid, phase });
  if (locked !== undefined || readPodState(kernel, dataDir, uuid)?.name !== 'exited') return locked;

  const taking = await takePod(context, { dataDir, uuid, phase });
  return taking.kind === 'taken' ? taking.pod : undefined;
}

/** Pods that were marked by a gantry that died before it gave back what they held. */
async function releaseAll(sweep: Sweep): Promise<void> {
  const { context, marked } = sweep;
  const { kernel, dataDir } = context;
  const pods = agedPods(context, { phase: 'exited-garbage', olderThanMs: 0 });
  for (const { uuid, dir } of pods.filter(({ isDirectory }) => isDirectory)) {
    if (existsSync(releasedPath(dir)) || marked.some((result) => result.uuid === uuid)) continue;
    using pod = tryLockPod(kernel, { dataDir, uuid, phase: 'exited-garbage' });
    if (pod === undefined) continue;
    const { error } = await resultOf(uuid, () => release(sweep, pod));
    if (error !== undefined) marked.push({ uuid, error });
  }
}

async function deleteAll(sweep: Sweep, which: Aged<'exited-garbage' | 'garbage'>): Promise<void> {
  const { context, library, deleted, stuck } = sweep;
  for (const { uuid, isDirectory, dir } of agedPods(context, which)) {
    if (!isDirectory) {
      deleted.push(await resultOf(uuid, () => removeStray(dir)));
      continue;
    }
    using pod = tryLockPod(context.kernel, { dataDir: context.dataDir, uuid, phase: which.phase });
    if (pod === undefined) continue;
    if (stuck.has(uuid)) deleted.push({ uuid, error: notReleased(uuid) });
    else deleted.push(await resultOf(uuid, () => deletePod(context, library, { pod })));
  }
}

interface AgedPod {
  readonly uuid: PodUuid;
  readonly dir: string;
  readonly isDirectory: boolean;
}

/** Pods in a phase for long enough. */
function agedPods(
  { dataDir, now }: OperationContext,
  { phase, olderThanMs }: Aged<PodPhase>,
): readonly AgedPod[] {
  return listPodUuids(dataDir, [phase]).flatMap((uuid) => {
    const dir = podDirIn(dataDir, phase, uuid);
    const stats = lstatSync(dir, { throwIfNoEntry: false });
    if (stats === undefined) return [];
    const isDirectory = stats.isDirectory();
    const isAged = !isDirectory || ageOf(dir, stats, now()) >= olderThanMs;
    return isAged ? [{ uuid, dir, isDirectory }] : [];
  });
}

/**
 * How long a pod has been in its phase: the rename into it set the change time
 * of the directory. Where that lies in the future the clock has been set back;
 * the time is counted anew from now, or the pod would stay until the clock is
 * there again.
 */
function ageOf(dir: string, { ctimeMs, mode }: Stats, now: number): number {
  if (ctimeMs <= now + CLOCK_SLACK_MS) return Math.max(0, now - ctimeMs);

  chmodSync(dir, mode & 0o7777);
  return 0;
}

/** The kernel stamps files by a clock that ticks some milliseconds late. */
const CLOCK_SLACK_MS = 1000;

async function resultOf<Value>(
  uuid: PodUuid,
  action: () => Promise<Value> | Value,
): Promise<PodResult & { readonly value: Value | undefined }> {
  try {
    return { uuid, error: undefined, value: await action() };
  } catch (error) {
    return { uuid, error, value: undefined };
  }
}
