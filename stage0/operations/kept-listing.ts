import { lstatSync, readFileSync } from 'node:fs';
import { obstacleOf } from '#base/errors/obstacle';
import { writeFileAtomic } from '#base/fs/atomic';
import type { PodUuid } from '#schema/types/pod-uuid';
import type { PodTrail } from '../pod/look-at-pod.ts';
import { giveToPodGroup, keptListingPath, podDirIn } from '../pod/pod-dirs.ts';
import type { PodStatus } from './outcomes.ts';

/** Of this file; one of another format is as good as none. Counts up when `PodStatus` changes. */
const FORMAT = 1;
const FILE_MODE = 0o640;
/** So few pods are looked at as fast as the file is written. */
const FEWEST = 20;

/**
 * What `list` saw of pods that have run, kept for the next `list`: nothing
 * changes in such a pod any more, and a thousand of them take ten times as long
 * to read as to be found unchanged.
 */
export interface KeptListing {
  /** What was seen of a pod that still looks as it did. */
  find(trail: PodTrail): PodStatus | undefined;
  /** Remembers what was seen of a pod since `find` has been asked for it. */
  keep(pod: PodStatus): void;
  /** Writes it down if that is worth it; who may not, goes without. */
  save(): void;
}

/** How the directory of a pod looked: its inode, and when something was last added to it or taken away. */
type Look = readonly [ino: number, ctimeMs: number];

/** What pods have in common, and what each has of its own; two fields of them are times. */
type Common = Omit<PodStatus, 'uuid' | 'createdAt' | 'startedAt'>;
type KeptPod = readonly [
  ...look: Look,
  createdAt: number | null,
  startedAt: number | null,
  common: number,
];

interface KeptFile {
  readonly format: number;
  /** Of which start of the machine: what a power loss takes leaves no trace in a directory. */
  readonly boot: string;
  /** Most pods were made of few images: what is the same of several stands once, and is read once. */
  readonly commons: readonly Common[];
  readonly pods: Readonly<Record<string, KeptPod>>;
}

const NOTHING: Pick<KeptFile, 'commons' | 'pods'> = { commons: [], pods: {} };

/** Opens what an earlier `list` has kept of a data directory's pods. */
export function openKeptListing(dataDir: string): KeptListing {
  const path = keptListingPath(dataDir);
  const before = readKept(path);
  const looks = new Map<string, Look>();
  const kept = new Map<PodUuid, readonly [Look, PodStatus]>();
  let news = 0;

  return {
    find({ uuid, from }) {
      if (from !== 'run') return undefined;
      const look = lookOf(podDirIn(dataDir, 'run', uuid));
      if (look === undefined) return undefined;
      const pod = podIn(before, uuid, look);
      if (pod === undefined) looks.set(uuid, look);
      else kept.set(uuid, [look, pod]);

      return pod;
    },

    keep(pod) {
      const look = looks.get(pod.uuid);
      if (look === undefined || pod.state !== 'exited' || pod.problem !== undefined) return;
      kept.set(pod.uuid, [look, pod]);
      news += 1;
    },

    save() {
      const gone = Object.keys(before.pods).length + news - kept.size;
      if (news + gone < FEWEST) return;
      try {
        const text = JSON.stringify(fileOf([...kept.values()]));
        writeFileAtomic(path, text, { mode: FILE_MODE, durable: false });
        giveToPodGroup(dataDir, path);
      } catch (error) {
        // The next list reads the pods themselves again.
        if (obstacleOf(error) === undefined) throw error;
      }
    },
  };
}

function podIn(
  { pods, commons }: typeof NOTHING,
  uuid: PodUuid,
  look: Look,
): PodStatus | undefined {
  const [ino, changed, createdAt, startedAt, common = 0] = pods[uuid] ?? [];
  const rest = commons[common];
  if (ino !== look[0] || changed !== look[1] || rest === undefined) return undefined;

  return { ...rest, uuid, createdAt: createdAt ?? undefined, startedAt: startedAt ?? undefined };
}

function fileOf(kept: readonly (readonly [Look, PodStatus])[]): KeptFile {
  const commons = new Map<string, number>();
  const pods: Record<string, KeptPod> = {};
  for (const [look, { uuid, createdAt, startedAt, ...rest }] of kept) {
    const text = JSON.stringify(rest);
    const common = commons.get(text) ?? commons.size;
    commons.set(text, common);
    pods[uuid] = [...look, createdAt ?? null, startedAt ?? null, common];
  }
  const shared = [...commons.keys()].map((text) => JSON.parse(text) as Common);

  return { format: FORMAT, boot: bootId(), commons: shared, pods };
}

/** Only root writes there. What is not to be read, or of another format, is as good as nothing. */
function readKept(path: string): typeof NOTHING {
  try {
    const file = JSON.parse(readFileSync(path, 'utf8')) as Partial<KeptFile> | null;
    const { commons, pods } = file ?? {};
    const isKnown = file?.format === FORMAT && file.boot === bootId();
    return isKnown && commons !== undefined && pods !== undefined ? { commons, pods } : NOTHING;
  } catch {
    return NOTHING;
  }
}

/** @returns undefined when it is not there (any more) */
function lookOf(podDir: string): Look | undefined {
  const dir = lstatSync(podDir, { throwIfNoEntry: false });

  return dir === undefined ? undefined : [dir.ino, dir.ctimeMs];
}

const bootId = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
