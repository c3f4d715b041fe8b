import type { ImageKey } from '#schema/types/image-hash';
import { treeSizePath } from '../format/layout.ts';
import { readStoreFile } from '../format/store-file.ts';

/** Bytes of an image's rendered tree; 0 when none was rendered. */
export function readTreeSize(dir: string, key: ImageKey): number {
  try {
    const text = readStoreFile(treeSizePath(dir, key)) ?? '';
    return /^\d{1,15}\n?$/.test(text) ? Number(text) : 0;
  } catch {
    return 0;
  }
}
