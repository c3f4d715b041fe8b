import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { StoreContext } from '../format/context.ts';
import { applyCommit, INCOMING } from './apply-commit.ts';
import { INGEST_PURPOSE } from './ingest.ts';
import { sweepTemp } from './temp-entry.ts';

/**
 * Removes what killed processes left behind; an image that was decided upon
 * but not yet moved into place is put there first.
 * @returns how many leftovers were removed
 */
export function sweepLeftovers(context: StoreContext): number {
  return sweepTemp(context.kernel, context.dir, (path) => {
    if (!basename(path).startsWith(`${INGEST_PURPOSE}-`)) return;
    if (!existsSync(join(path, INCOMING.record))) return;

    const key = applyCommit(context, path);
    context.log.debug(`finished taking in image ${key}, left by a process that died`);
  });
}
