import { statSync } from 'node:fs';
import type { ImageKey } from '#schema/types/image-hash';
import { blobPath } from '../format/layout.ts';

/** The blobs that this process has taken in, and so has hashed. */
export interface TakenBlobs {
  /** Notes that the blob of an image was hashed and put in its place. */
  note(key: ImageKey): void;
  /** Whether the blob of an image was, and nobody has written to its file since or put another there. */
  isIntact(key: ImageKey): boolean;
}

/** @param dir the store's folder */
export function createTakenBlobs(dir: string): TakenBlobs {
  const looks = new Map<ImageKey, string>();
  const lookOf = (key: ImageKey): string | undefined => {
    const stats = statSync(blobPath(dir, key), { bigint: true, throwIfNoEntry: false });
    return stats === undefined
      ? undefined
      : `${stats.dev} ${stats.ino} ${stats.size} ${stats.ctimeNs}`;
  };

  return {
    note(key) {
      const look = lookOf(key);
      if (look !== undefined) looks.set(key, look);
    },
    isIntact: (key) => looks.has(key) && looks.get(key) === lookOf(key),
  };
}
