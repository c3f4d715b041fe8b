import { type BigIntStats, statSync } from 'node:fs';
import type { ImageKey } from '#schema/types/image-hash';
import { blobPath } from '../format/layout.ts';

/** Which file a blob was written to. */
export type BlobFile = Pick<BigIntStats, 'dev' | 'ino' | 'size'>;

/** The blobs that this process has taken in, and so has hashed. */
export interface TakenBlobs {
  /** Notes that the blob of an image was hashed, and put in its place unless another file lies there. */
  note(key: ImageKey, hashed: BlobFile): void;
  /** Whether the blob of an image was, and nobody has written to its file since or put another there. */
  isIntact(key: ImageKey): boolean;
}

/** @param dir the store's folder */
export function createTakenBlobs(dir: string): TakenBlobs {
  const looks = new Map<ImageKey, string>();
  const statsOf = (key: ImageKey): BigIntStats | undefined =>
    statSync(blobPath(dir, key), { bigint: true, throwIfNoEntry: false });

  return {
    note(key, hashed) {
      const stats = statsOf(key);
      if (stats !== undefined && nameOf(stats) === nameOf(hashed)) looks.set(key, lookOf(stats));
    },
    isIntact: (key) => {
      const stats = looks.has(key) ? statsOf(key) : undefined;
      return stats !== undefined && looks.get(key) === lookOf(stats);
    },
  };
}

const nameOf = ({ dev, ino, size }: BlobFile): string => `${dev} ${ino} ${size}`;
const lookOf = (stats: BigIntStats): string => `${nameOf(stats)} ${stats.ctimeNs}`;
