import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import { openTestStore, SIGNED } from '../../test/helpers/test-store.ts';
import { tinyAci } from '../../test/helpers/tiny-aci.ts';
import type { StoreContext } from '../format/context.ts';
import {
  acceptancePath,
  blobPath,
  manifestPath,
  nameMarkerPath,
  recordPath,
  tempDir,
} from '../format/layout.ts';
import { INCOMING, writeDecision } from './incoming.ts';
import { sweepLeftovers } from './leftovers.ts';

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'leftovers-')), 'cas');
});
afterEach(() => {
  rmSync(dirname(dir), { recursive: true });
});

const context = (): StoreContext => ({
  dir,
  kernel: linuxKernel,
  log: nullLog,
  clock: Date.now,
  groupId: undefined,
});

/** What a process leaves that is killed between its decision and the first rename. */
async function leaveDecided(): Promise<{ readonly key: string; readonly folder: string }> {
  using store = openTestStore(dir);
  const copy = join(dirname(dir), 'blob');
  await using ingest = await store.beginIngest();
  await pipeline([tinyAci({ name: 'a' })], ingest.sink);
  const { key, size, manifest } = await ingest.finish();
  const [name = ''] = readdirSync(tempDir(dir));
  cpSync(join(tempDir(dir), name, INCOMING.blob), copy);
  await ingest.abort();

  const folder = join(tempDir(dir), 'ingest-dead');
  mkdirSync(folder);
  renameSync(copy, join(folder, INCOMING.blob));
  writeDecision(folder, {
    record: { key, size, name: manifest.name, labels: manifest.labels ?? [], importTime: 1 },
    keeping: { accepted: SIGNED, latest: true },
    manifestText: JSON.stringify(manifest),
  });

  return { key, folder };
}

describe('sweepLeftovers()', () => {
  it.each([0, 1, 2, 3, 4, 5])('finishes an image of which %i files were moved', async (moved) => {
    const { key, folder } = await leaveDecided();
    const imageKey = key as Parameters<typeof blobPath>[1];
    const moves = [
      [INCOMING.blob, blobPath(dir, imageKey)],
      [INCOMING.keeping, acceptancePath(dir, imageKey)],
      [INCOMING.manifest, manifestPath(dir, imageKey)],
      [INCOMING.marker, nameMarkerPath(dir, 'a', imageKey)],
      [INCOMING.record, recordPath(dir, imageKey)],
    ] as const;
    for (const [name, path] of moves.slice(0, moved)) {
      mkdirSync(dirname(path), { recursive: true });
      renameSync(join(folder, name), path);
    }

    expect(sweepLeftovers(context())).toBe(1);
    using store = openTestStore(dir);
    expect(store.list()).toMatchObject([{ key, name: 'a', latest: true, accepted: SIGNED }]);
    expect(store.findByName(store.manifest(imageKey).name, [])?.key).toBe(key);
    await store.verifyBlobs(imageKey);
    expect(readdirSync(tempDir(dir))).toEqual([]);
  });

  it('removes an image that was not decided upon', async () => {
    const { folder } = await leaveDecided();
    rmSync(join(folder, INCOMING.record));
    expect(sweepLeftovers(context())).toBe(1);

    using store = openTestStore(dir);
    expect(store.list()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('brings nothing back whose blob was removed meanwhile', async () => {
    const { folder } = await leaveDecided();
    rmSync(join(folder, INCOMING.blob));
    expect(sweepLeftovers(context())).toBe(1);

    using store = openTestStore(dir);
    expect(store.list()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});
