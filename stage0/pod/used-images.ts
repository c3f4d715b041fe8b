import { errorCode, isGantryError } from '#base/errors/gantry-error';
import type { InUse } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { parseImageKey } from '#schema/types/image-hash';
import { listPodUuids } from './find-pod.ts';
import { POD_PHASES, type PodPhase, podDirIn } from './pod-dirs.ts';
import { readText, treeIdPaths } from './read-pod.ts';
import { podManifestPath } from '#stage1';

/** Pods whose directory is still needed: all but those whose removal has been decided. */
const HOLDING: readonly PodPhase[] = POD_PHASES.filter((phase) => phase !== 'garbage');

/**
 * What the pods of a data directory are made of, prepared ones included. A pod
 * that is damaged holds what can be read of it.
 * @throws EACCES for who may not look at pods, and so cannot tell what they use
 */
export function usedImages(dataDir: string): InUse {
  const images = new Set<ImageKey>();
  const trees = new Set<string>();

  for (const uuid of listPodUuids(dataDir, HOLDING)) {
    for (const phase of HOLDING) {
      const dir = podDirIn(dataDir, phase, uuid);
      for (const id of treesOf(dir)) trees.add(id);
      for (const key of imageKeysOf(dir)) images.add(key);
    }
  }

  return { images, trees };
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
