import { chmodSync, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeDirs } from '#base/fs/make-dirs';
import { type HeldLock, lockPath, tryLockPath } from '#base/lock/directory-lock';
import { saveBackup } from './backup.ts';
import type { StoreContext } from './context.ts';
import { recordsDir, storeDirs } from './layout.ts';
import { indexAll, MIGRATIONS, type Migration } from './migrations.ts';
import { giveDirToGroup, makeStoreDir, STORE_DIR_MODE, storeGroupId } from './permissions.ts';
import { readStoreVersion, refuseNewer, STORE_VERSION, writeStoreVersion } from './version.ts';

/** The formats that a program knows. */
export interface StoreFormats {
  readonly current: number;
  /** One from every older format to the next one. */
  readonly migrations: readonly Migration[];
}

/** Of the data directory, when it is made: everybody may pass, and see no more than its folders show. */
const DATA_DIR_MODE = 0o755;

const FORMATS: StoreFormats = { current: STORE_VERSION, migrations: MIGRATIONS };

/**
 * Makes sure that the store is there, whole and in the current format. A store
 * in an older one is brought up by one migration after another while nobody else
 * uses it, its index having been copied to backups/.
 * @returns a shared lock on the store, to be held as long as it is used
 * @throws GantryError STORE_TOO_NEW, STORE_DAMAGED, DIRECTORY_NOT_MADE
 */
export function prepareStore(context: StoreContext, formats: StoreFormats = FORMATS): HeldLock {
  const { dir, kernel } = context;
  makeDirs(dirname(dir), DATA_DIR_MODE);
  makeStoreDir(dir);

  for (;;) {
    const shared = lockPath(kernel, dir, 'shared');
    try {
      const version = readStoreVersion(dir);
      if (version === formats.current && hasFolders(dir)) return shared;
      if (version !== undefined) refuseNewer(dir, version, formats.current);
    } catch (error) {
      shared.release();
      throw error;
    }
    shared.release();
    bringUpToDate(context, formats);
  }
}

function bringUpToDate(context: StoreContext, { current, migrations }: StoreFormats): void {
  const { dir, log } = context;
  using _alone = lockAlone(context);
  // Somebody else may have done it while we waited for the lock.
  const found = readStoreVersion(dir);
  if (found !== undefined) refuseNewer(dir, found, current);

  const wasIndexed = found === undefined || existsSync(recordsDir(dir));
  makeFolders(context);
  if (!wasIndexed) indexAll(context);
  for (let version = found ?? 0; version < current; version += 1) {
    const migration = migrations.find(({ from }) => from === version);
    if (migration === undefined) throw new Error(`no migration from store format ${version}`);
    if (migration.isNeeded(dir)) {
      log.info(`bringing image store "${dir}" from format ${version} to ${version + 1}`);
      migration.run(context, saveBackup(context, version));
    }
    writeStoreVersion(dir, version + 1);
  }
}

function lockAlone({ dir, kernel, log }: StoreContext): HeldLock {
  const lock = tryLockPath(kernel, dir, 'exclusive');
  if (lock !== undefined) return lock;

  log.info(`waiting for others to leave image store "${dir}", to bring it to the current format`);
  return lockPath(kernel, dir, 'exclusive');
}

/** Those that somebody has removed are made anew, and an index, all of it, from the blobs. */
function hasFolders(dir: string): boolean {
  return storeDirs(dir).every((folder) => existsSync(folder));
}

function makeFolders({ dir, groupId = storeGroupId() }: StoreContext): void {
  const isOurs = statSync(dir).uid === process.geteuid?.();
  if (isOurs) chmodSync(dir, STORE_DIR_MODE);
  for (const folder of [dir, ...storeDirs(dir)]) {
    const isNew = makeStoreDir(folder);
    if (groupId !== undefined && (isNew || folder === dir)) giveDirToGroup(folder, groupId);
  }
}
