import { existsSync } from 'node:fs';
import { errorCode, isGantryError } from '#base/errors/gantry-error';
import type { InUseProbe } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { parseImageKey } from '#schema/types/image-hash';
import type { PodUuid } from '#schema/types/pod-uuid';
import { listPodUuids } from './find-pod.ts';
import { POD_PHASES, type PodPhase, podDirIn } from './pod-dirs.ts';
import { refuseNewerPod } from './pod-format.ts';
import { readText, treeIdPaths } from './read-pod.ts';
import { podManifestPath } from '#stage1';

/** Pods whose directory is still needed: all but those whose removal has been decided. */
const HOLDING: readonly PodPhase[] = POD_PHASES.filter((phase) => phase !== 'garbage');
/** What a pod in these is made of is written down whole and changes no more. */
const WHOLE: readonly PodPhase[] = ['prepared', 'run', 'exited-garbage'];

/**
 * Makes what tells, each time anew, what the pods of a data directory are made
 * of, prepared ones included. A pod that is damaged holds what can be read of
 * it; one that was read whole is not read again.
 * @returns throws EACCES for who may not look at pods, and POD_TOO_NEW, where it cannot be told what they use
 */
export function imagesInUse(dataDir: string): InUseProbe {
  const known = new Map<PodUuid, ReadUse>();
  const useOf = (uuid: PodUuid): ReadUse => {
    const read = known.get(uuid) ?? readPodUse(dataDir, uuid);
    if (read.whole) known.set(uuid, read);
    return read;
  };

  return () => {
    const uses = listPodUuids(dataDir, HOLDING).map(useOf);
    return {
      images: new Set(uses.flatMap(({ images }) => images)),
      trees: new Set(uses.flatMap(({ trees }) => trees)),
    };
  };
}

/** What a pod is made of. */
export interface PodUse {
  readonly images: readonly ImageKey[];
  /** Tree ids. */
  readonly trees: readonly string[];
}

interface ReadUse extends PodUse {
  readonly whole: boolean;
}

/** What each pod that needs its images is made of. @throws EACCES for who may not look at pods */
export function podUses(dataDir: string): ReadonlyMap<PodUuid, PodUse> {
  return new Map(listPodUuids(dataDir, HOLDING).map((uuid) => [uuid, readPodUse(dataDir, uuid)]));
}

/** Looks in all phases, in the order of life: a pod that moves on while it is read is read again where it is then. */
function readPodUse(dataDir: string, uuid: PodUuid): ReadUse {
  const images: ImageKey[] = [];
  const trees: string[] = [];
  let whole = false;
  for (const phase of HOLDING) {
    const dir = podDirIn(dataDir, phase, uuid);
    if (!existsSync(dir)) continue;
    // What a newer one is made of nobody here can tell.
    refuseNewerPod(dir);
    trees.push(...treesOf(dir));
    images.push(...imageKeysOf(dir));
    whole ||= WHOLE.includes(phase) && existsSync(dir);
  }

  return { images, trees, whole };
}

/** Each by itself: one that cannot be read gives the others away to nobody. */
function treesOf(podDir: string): readonly string[] {
  return treeIdPaths(podDir).flatMap((path) => {
    try {
      return readText(path) ?? [];
    } catch (error) {
      if (isGantryError(error, 'POD_UNREADABLE')) return [];
      throw error;
    }
  });
}

/** Read without the schema: what is there counts, whatever else the document lacks. */
function imageKeysOf(podDir: string): readonly ImageKey[] {
  try {
    const text = readText(podManifestPath(podDir)) ?? '{}';
    const manifest = JSON.parse(text) as {
      readonly apps?: readonly { readonly image?: { readonly id?: string } }[];
    };
    return (manifest.apps ?? []).flatMap(({ image }) =>
      image?.id === undefined ? [] : [parseImageKey(image.id)],
    );
  } catch (error) {
    if (errorCode(error) === 'EACCES') throw error;
    return [];
  }
}
