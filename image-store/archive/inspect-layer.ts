import { closeSync, fstatSync, openSync } from 'node:fs';
import { checkLimits, HEADERS_AT_A_TIME } from './inspect.ts';
import { layerChanges } from './layer-entries.ts';
import type { ArchiveLimits } from './limits.ts';
import { noteAbove, notePlaced, type Placed } from './placed.ts';
import { openLayerReader } from './tar-reader.ts';

/** How much a layer holds. */
export interface LayerContents {
  readonly entries: number;
  /** Bytes of content as they will lie on disk. */
  readonly bytes: number;
}

/**
 * Reads the whole uncompressed archive of a layer and checks that everything in
 * it could be placed, so that no image is accepted that can never be rendered.
 * @throws GantryError ARCHIVE_TOO_BIG, ARCHIVE_CORRUPT, ARCHIVE_TRUNCATED, ARCHIVE_ENTRY_REFUSED
 */
export function inspectLayer(tarPath: string, limits: ArchiveLimits): LayerContents {
  const fd = openSync(tarPath, 'r');
  try {
    const placed: Placed = new Map();
    let [entries, bytes] = [0, 0];
    for (const change of layerChanges(openLayerReader(fd, fstatSync(fd).size, HEADERS_AT_A_TIME))) {
      entries += 1;
      if (change.kind === 'place') {
        const { entry, path } = change;
        bytes += entry.size;
        if (entry.type !== 'directory' || placed.get(path) !== 'directory')
          notePlaced(placed, change);
      } else noteAbove(placed, change.path, change.entryPath);
      checkLimits({ entries: Math.max(entries, placed.size), bytes }, limits);
    }

    return { entries, bytes };
  } finally {
    closeSync(fd);
  }
}
