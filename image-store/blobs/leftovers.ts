import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { StoreContext } from '../format/context.ts';
import { applyCommit } from './apply-commit.ts';
import { INCOMING, INCOMING_PURPOSE } from './incoming.ts';
import { sweepTemp } from './temp-entry.ts';

/**
 * Removes what killed processes left behind; an image that was decided upon
 * but not yet moved into place is put there first.
 * @returns how many leftovers were removed
 */
export function sweepLeftovers(context: StoreContext): number {
  return sweepTemp(context.kernel, context.dir, (path) => {
    if (!basename(path).startsWith(`${INCOMING_PURPOSE}-`)) return;
    if (!existsSync(join(path, INCOMING.record))) return;

    const record = applyCommit(context, path);
    if (record === undefined) return;
    context.log.debug(`finished taking in image ${record.key}, left by a process that died`);
  });
}
