import { join } from 'node:path';
import {
  type ImageRecord,
  type ImageStore,
  openImageStore,
  openTrust,
  type Trust,
} from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import type { OperationContext } from './context.ts';

/** The images of this machine and the keys that it trusts. */
export interface Library extends Disposable {
  readonly store: ImageStore;
  readonly trust: Trust;
  /** What is known of an image, read once for this operation; undefined when it is not in the store. */
  readonly recordOf: (key: ImageKey) => ImageRecord | undefined;
  /** Keeps a record that was read on the way to something else. */
  readonly remember: (record: ImageRecord) => void;
  /** Lets go of all records, some of which may have been written anew. */
  readonly forget: () => void;
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

  const records = new Map<ImageKey, ImageRecord>();
  const remember = (record: ImageRecord): void => void records.set(record.key, record);

  return {
    store,
    trust: openKeys(context),
    recordOf: (key) => {
      const record = records.get(key) ?? store.record(key);
      if (record !== undefined) remember(record);
      return record;
    },
    remember,
    forget: () => records.clear(),
    [Symbol.dispose]: () => store.close(),
  };
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

/** The folders of configuration, lowest first. */
export const configDirs = ({
  systemConfigDir,
  localConfigDir,
  userConfigDir,
}: OperationContext): readonly string[] =>
  [systemConfigDir, localConfigDir, userConfigDir].filter((dir) => dir !== undefined);
