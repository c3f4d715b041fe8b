import { join } from 'node:path';
import { type ImageStore, openImageStore, openTrust, type Trust } from '#image-store';
import type { OperationContext } from './context.ts';

/** The images of this machine and the keys that it trusts. */
export interface Library extends Disposable {
  readonly store: ImageStore;
  readonly trust: Trust;
}

/** The image store below the data directory. */
export const storeDir = (dataDir: string): string => join(dataDir, 'cas');

/** Opens both. Nothing is read of the keys before it is asked for. */
export function openLibrary(context: OperationContext): Library {
  const { kernel, exec, log, workers, dataDir } = context;
  const store = openImageStore({
    dir: storeDir(dataDir),
    kernel,
    exec,
    log,
    workers,
    clock: context.now,
    limits: context.imageLimits,
  });

  return { store, trust: openKeys(context), [Symbol.dispose]: () => store.close() };
}

/** The keys of the configuration directories, lowest first: system, local, the user's. */
export function openKeys(context: OperationContext): Trust {
  const { systemConfigDir, localConfigDir, userConfigDir, dataDir } = context;
  const keysIn = (dir: string): string => join(dir, 'trustedkeys');

  return openTrust({
    systemDir: keysIn(systemConfigDir),
    localDir: keysIn(localConfigDir),
    extraDirs: userConfigDir === undefined ? [] : [keysIn(userConfigDir)],
    factsDir: join(dataDir, 'keyfacts'),
  });
}
