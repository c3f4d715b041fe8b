import { existsSync, renameSync } from 'node:fs';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { ENVIRONMENT } from './measure.ts';

let used = 0;

/**
 * Puts a folder out of the way, and has written out what others left unwritten:
 * whoever syncs a file system would wait for that too. It is removed in the end,
 * since ext4 searches longer for inodes while some were freed in the last minutes.
 */
export function startAfresh(folder: string): void {
  if (existsSync(folder)) renameSync(folder, `${folder}.used-${(used += 1)}`);
  demandSuccess(nodeExec.runSync({ argv: ['sync'], env: ENVIRONMENT }), 'sync');
}
