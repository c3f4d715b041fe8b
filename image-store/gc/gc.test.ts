import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import type { ImageKey } from '#schema/types/image-hash';
import { parseImageKey } from '#schema/types/image-hash';
import { addImage, openTestStore } from '../../test/helpers/test-store.ts';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import {
  acceptancePath,
  blobPath,
  lastUsePath,
  manifestPath,
  nameMarkerPath,
  recordPath,
  tempDir,
} from '../format/layout.ts';
import type { ImageStore } from '../store.ts';
import { formatFlag } from '../tree/find-tree.ts';
import { treeDir, treeFlagPath } from '../tree/tree-paths.ts';
import { type InUseProbe, nothingInUse } from './in-use.ts';

let dir: string;
let now: number;
let store: ImageStore;

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'gc-')), 'cas');
  now = 1_700_000_000_000;
  store = openTestStore(dir, { clock: () => now });
});
afterEach(() => {
  store.close();
  rmSync(join(dir, '..'), { recursive: true });
});

const used = (images: readonly ImageKey[], trees: readonly string[] = []): InUseProbe => {
  const inUse = { images: new Set(images), trees: new Set(trees) };
  return () => inUse;
};

/** Puts a complete tree of an image there without unpacking anything. */
function fakeTree(key: ImageKey): string {
  const { id } = store.treePlan(key);
  mkdirSync(join(treeDir(dir, id), 'rootfs'), { recursive: true });
  writeFileSync(
    treeFlagPath(treeDir(dir, id)),
    formatFlag({ key, kind: 'directory', size: 7, entries: 1, hash: '' }),
  );

  return id;
}

const filesOf = (key: ImageKey, name: string): readonly string[] =>
  [
    blobPath(dir, key),
    acceptancePath(dir, key),
    manifestPath(dir, key),
    recordPath(dir, key),
    nameMarkerPath(dir, name, key),
    lastUsePath(dir, key),
  ].filter((path) => existsSync(path));

describe('gc()', () => {
  it('removes what was not used for the grace period, and nothing else', async () => {
    const old = await addImage(store, { name: 'old' });
    const touched = await addImage(store, { name: 'touched' });
    now += 1000;
    const fresh = await addImage(store, { name: 'fresh' });
    store.touch(touched.key);
    const tree = fakeTree(old.key);
    const report = await store.gc({ graceMs: 500, inUse: nothingInUse });

    expect(report.images).toEqual([old.key]);
    expect(report.trees).toEqual([tree]);
    expect(report.freedBytes).toBe(old.size + 7);
    expect(filesOf(old.key, 'old')).toEqual([]);
    expect(existsSync(treeDir(dir, tree))).toBe(false);
    expect(new Set(store.list().map(({ key }) => key))).toEqual(new Set([touched.key, fresh.key]));
    expect(readdirSync(tempDir(dir))).toEqual([]);
  });

  it('keeps what pods use, and what that depends on', async () => {
    const base = await addImage(store, { name: 'base' });
    const top = await addImage(store, {
      name: 'top',
      manifest: { dependencies: [{ imageName: 'base' }] },
    });
    const byTree = await addImage(store, { name: 'by-tree' });
    const tree = fakeTree(byTree.key);
    now += 1000;
    const { images, trees } = await store.gc({ graceMs: 0, inUse: used([top.key], [tree]) });

    expect([...images, ...trees]).toEqual([]);
    expect(store.record(base.key)).toBeDefined();
    expect((await store.gc({ graceMs: 0, inUse: nothingInUse })).images).toHaveLength(3);
  });

  it('asks anew under the lock, so that a pod prepared meanwhile keeps its image', async () => {
    const { key } = await addImage(store, { name: 'a' });
    now += 1000;
    let asked = 0;
    const inUse: InUseProbe = () => {
      asked += 1;
      return { images: new Set(asked > 1 ? [key] : []), trees: new Set() };
    };

    expect((await store.gc({ graceMs: 0, inUse })).images).toEqual([]);
    expect(asked).toBe(2);
  });

  it('keeps what is leased', async () => {
    const { key } = await addImage(store, { name: 'a' });
    const tree = fakeTree(key);
    now += 1000;
    const lease = store.lease([key, key]);
    const kept = await store.gc({ graceMs: 0, inUse: nothingInUse });
    lease.release();
    const gone = await store.gc({ graceMs: 0, inUse: nothingInUse });

    expect([...kept.images, ...kept.trees]).toEqual([]);
    expect([...gone.images, ...gone.trees]).toEqual([key, tree]);
  });

  it('removes the tree that a changed dependency has left behind', async () => {
    await addImage(store, { name: 'base', version: '1' });
    const top = await addImage(store, {
      name: 'top',
      manifest: { dependencies: [{ imageName: 'base' }] },
    });
    const before = fakeTree(top.key);
    now += 1000;
    await addImage(store, { name: 'base', version: '2' });
    const after = fakeTree(top.key);
    const report = await store.gc({ graceMs: 5000, inUse: nothingInUse });

    expect(report.trees).toEqual([before]);
    expect(existsSync(treeDir(dir, after))).toBe(true);
  });

  it('removes what belongs to no image, and living work not', async () => {
    const stray = parseImageKey(`sha512-${'ab'.repeat(32)}`);
    mkdirSync(join(blobPath(dir, stray), '..'), { recursive: true });
    writeFileSync(blobPath(dir, stray), 'half');
    writeFileSync(lastUsePath(dir, stray), '1');
    mkdirSync(join(tempDir(dir), 'tree-dead'));
    using living = makeTempEntry(linuxKernel, dir, 'ingest');
    store.putRemote({
      url: 'https://a/b',
      signatureUrl: 'https://a/b.asc',
      key: stray,
      downloadTime: now,
    });
    const { leftovers } = await store.gc({ graceMs: 1e6, inUse: nothingInUse });

    expect(leftovers).toBe(2);
    expect(filesOf(stray, 'x')).toEqual([]);
    expect(store.remote('https://a/b')).toBeUndefined();
    expect(readdirSync(tempDir(dir))).toEqual([living.path.slice(tempDir(dir).length + 1)]);
  });

  it('puts back what is whole but for the index', async () => {
    const before = await addImage(store, { name: 'a' }, { latest: true });
    rmSync(recordPath(dir, before.key));
    expect(store.list()).toEqual([]);
    await store.gc({ graceMs: 1e6, inUse: nothingInUse });

    expect(store.record(before.key)).toEqual(before);
  });
});

describe('remove()', () => {
  it('refuses what an image depends on that a pod uses, however far', async () => {
    const below = await addImage(store, { name: 'below' });
    const on = (imageName: string) => ({ manifest: { dependencies: [{ imageName }] } });
    await addImage(store, { name: 'between', ...on('below') });
    const above = await addImage(store, { name: 'above', ...on('between') });

    await expect(store.remove(below.key, used([above.key]))).rejects.toMatchObject({
      code: 'IMAGE_IN_USE',
      message: `cannot remove image ${below.key}: an image that a pod uses depends on it`,
    });
    await store.remove(below.key);
    expect(store.record(below.key)).toBeUndefined();
  });

  it('removes the image and its trees', async () => {
    const { key } = await addImage(store, { name: 'a' });
    const tree = fakeTree(key);
    await store.remove(key);

    expect(filesOf(key, 'a')).toEqual([]);
    expect(existsSync(treeDir(dir, tree))).toBe(false);
    await expect(store.remove(key)).rejects.toThrow(/not in the store/);
  });

  it('rejects an image that is leased or that a pod uses', async () => {
    const { key } = await addImage(store, { name: 'a' });
    using lease = store.lease([key]);
    await expect(store.remove(key)).rejects.toThrow(
      expect.objectContaining({ code: 'IMAGE_IN_USE' }),
    );
    lease.release();
    await expect(store.remove(key, used([key]))).rejects.toThrow(/a pod uses it/);
    const tree = fakeTree(key);
    await expect(store.remove(key, used([], [tree]))).rejects.toThrow(/a pod uses it/);

    expect(store.record(key)).toBeDefined();
  });
});

describe('lease()', () => {
  it('rejects an image that is not there and leaves no lock', async () => {
    const { key } = await addImage(store, { name: 'a' });
    const missing = parseImageKey(`sha512-${'0'.repeat(64)}`);

    expect(() => store.lease([key, missing])).toThrow(
      expect.objectContaining({ code: 'IMAGE_NOT_FOUND' }),
    );
    expect(readdirSync(join(dir, 'imagelocks'))).toEqual([]);
  });
});
