import { cpSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { removePath } from '#base/fs/remove-path';
import type { StoreContext } from './context.ts';
import { backupsDir, indexDir, versionPath } from './layout.ts';
import { makeStoreDir } from './permissions.ts';

/** So many backups are kept, as rkt keeps them. */
const KEPT = 5;

/**
 * Copies what a migration may change, blobs not among it, to a new folder in
 * backups/, and removes the oldest ones.
 * @param version the format that the store is in
 * @returns the new folder
 */
export function saveBackup({ dir, clock }: StoreContext, version: number): string {
  makeStoreDir(backupsDir(dir));
  const stamp = new Date(clock()).toISOString().replaceAll(':', '-');
  const target = join(backupsDir(dir), `${stamp}-format-${version}`);
  makeStoreDir(target);
  for (const [source, name] of [
    [indexDir(dir), 'index'],
    [versionPath(dir), 'version'],
  ] as const) {
    if (existsSync(source)) cpSync(source, join(target, name), { recursive: true });
  }
  removeOldest(backupsDir(dir));

  return target;
}

/** The names begin with the time, so that they sort by age. */
function removeOldest(folder: string): void {
  const names = readdirSync(folder).sort();
  for (const name of names.slice(0, Math.max(0, names.length - KEPT))) {
    removePath(join(folder, name), { recursive: true, force: true });
  }
}
