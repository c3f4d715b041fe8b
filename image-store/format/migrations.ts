import { existsSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '#base/errors/gantry-error';
import { indexBlob, listBlobs } from '../index/reindex.ts';
import type { StoreContext } from './context.ts';
import { blobPath, blobsDir } from './layout.ts';
import { giveFileToGroup } from './permissions.ts';

/** One step from a format to the next. Repeatable: a killed one is run again from the start. */
export interface Migration {
  readonly from: number;
  /** Whether there is anything to change; a new store begins at format 0 too. */
  isNeeded(dir: string): boolean;
  /** @param backup where to put away what the new format has no place for */
  run(context: StoreContext, backup: string): void;
}

/** From every format before the current one to the next. */
export const MIGRATIONS: readonly Migration[] = [
  {
    from: 0,
    isNeeded: (dir) => readdirSync(blobsDir(dir, 'sha512')).length > 0,
    run: indexWithoutDatabase,
  },
  // Format 2 has OCI images beside ACIs; a program that knows only ACIs would collect their trees.
  { from: 1, isNeeded: () => false, run: () => {} },
];

/**
 * Format 0 is rkt's own store, which has the same blobs and manifests, an
 * embedded database and trees without hashes of ours. The index is made from
 * the manifests; how the images were accepted nobody knows, so they count as
 * accepted insecurely.
 */
function indexWithoutDatabase(context: StoreContext, backup: string): void {
  const { dir } = context;
  for (const key of listBlobs(dir)) giveFileToGroup(blobPath(dir, key), statSync(dir).gid);
  indexAll(context, 'the store of an older program');
  for (const name of ['db', 'tree', 'treestorelocks']) {
    if (existsSync(join(dir, name))) renameSync(join(dir, name), join(backup, name));
  }
}

/**
 * Indexes every blob by the copy of its manifest. One without a copy is left to
 * gc, which looks into the blob.
 * @param source where images came from about which nothing is kept
 */
export function indexAll(context: StoreContext, source?: string): void {
  for (const key of listBlobs(context.dir)) {
    try {
      indexBlob(context, key, { source });
    } catch (error) {
      context.log.warning(`leaving image ${key} out of the store: ${errorMessage(error)}`);
    }
  }
}
