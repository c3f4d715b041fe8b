import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '#base/log/log';
import { addImage, openTestStore } from '../../test/helpers/test-store.ts';
import { blobsDir, imageLocksDir, namesDir, remotesDir } from '../format/layout.ts';
import type { ImageStore } from '../store.ts';
import { treeDir, treeFlagPath, treesDir } from '../tree/tree-paths.ts';
import type { GcReport } from './collect.ts';
import { nothingInUse } from './in-use.ts';

let dir: string;
let now: number;
let said: string[];
let store: ImageStore;

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'gc-odd-')), 'cas');
  now = 1_700_000_000_000;
  said = [];
  store = openTestStore(dir, {
    clock: () => now,
    log: createLog(({ level, message }) => {
      if (level === 'warning') said.push(message);
    }),
  });
});
afterEach(() => {
  store.close();
  rmSync(join(dir, '..'), { recursive: true });
});

/** Collects a store with an old image in it, whatever else is there. */
async function collect(): Promise<GcReport> {
  await addImage(store, { name: 'old' });
  now += 1000;
  const report = await store.gc({ graceMs: 500, inUse: nothingInUse });
  expect(report.images).toHaveLength(1);

  return report;
}

describe('gc(), of a store with odd entries', () => {
  it.each(['deps-sha512-ab.broken-12345678', 'deps-sha512-ab', 'layer-sha256-ab', 'x'])(
    'removes the file %s among the trees',
    async (name) => {
      mkdirSync(treesDir(dir), { recursive: true });
      writeFileSync(treeDir(dir, name), '');
      const { trees } = await collect();

      expect(trees).toHaveLength(1);
      expect(readdirSync(treesDir(dir))).toEqual([]);
    },
  );

  it('removes a tree that has a folder for its flag', async () => {
    mkdirSync(treeFlagPath(treeDir(dir, 'deps-sha512-ab')), { recursive: true });
    await collect();

    expect(readdirSync(treesDir(dir))).toEqual([]);
  });

  it('passes over files where folders are due', async () => {
    const paths = [join(namesDir(dir), 'file'), join(blobsDir(dir, 'sha512'), 'file')];
    for (const path of paths) writeFileSync(path, '');
    await collect();

    for (const path of paths) expect(existsSync(path)).toBe(true);
  });

  it('passes over a folder where a lock is due, with a warning, and removes others', async () => {
    const [remote, lock] = [join(remotesDir(dir), 'folder'), join(imageLocksDir(dir), 'folder')];
    for (const path of [remote, lock]) mkdirSync(path);
    await collect();

    expect(existsSync(remote)).toBe(false);
    expect(said).toEqual([expect.stringContaining(lock)]);
    expect(existsSync(lock)).toBe(true);
  });
});
