import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageStore } from '#image-store';
import { requires } from '../helpers/requires.ts';
import { addImage, openTestStore } from '../helpers/test-store.ts';

describe.runIf(requires('root'))('an image store with rendered trees', () => {
  let root: string;
  let store: ImageStore;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'store-tree-'));
    store = openTestStore(join(root, 'cas'));
  });
  afterEach(() => {
    store.close();
    rmSync(root, { recursive: true });
  });

  it('renders an image over its dependencies, and tells its size', async () => {
    const files = { a: 'from base', b: 'from base' };
    await addImage(store, { name: 'base', files });
    const manifest = { dependencies: [{ imageName: 'base' }] };
    const { key } = await addImage(store, { name: 'top', files: { b: 'from top' }, manifest });
    const tree = await store.renderTree(key);

    expect(readFileSync(join(tree.rootfs, 'a'), 'utf8')).toBe('from base');
    expect(readFileSync(join(tree.rootfs, 'b'), 'utf8')).toBe('from top');
    expect(store.trees.find(store.treePlan(key).id)?.id).toBe(tree.id);
    expect(store.record(key)?.treeSize).toBe(tree.size);
    expect(tree.size).toBeGreaterThan(0);
  });

  it('refuses to render an image whose dependency is not there', async () => {
    const manifest = { dependencies: [{ imageName: 'missing' }] };
    const { key } = await addImage(store, { name: 'top', manifest });

    await expect(store.renderTree(key)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('"missing"'),
    });
  });

  it('keeps the image while its tree is rendered', async () => {
    const { key } = await addImage(store, { name: 'a', files: { f: 'x'.repeat(2_000_000) } });
    const rendering = store.renderTree(key);
    await expect(store.remove(key)).rejects.toThrow(
      expect.objectContaining({ code: 'IMAGE_IN_USE' }),
    );
    await rendering;
    await store.remove(key);

    expect(readdirSync(join(root, 'cas/tree'))).toEqual([]);
    expect(readdirSync(join(root, 'cas/tmp'))).toEqual([]);
  });

  it('keeps the trees that pods use, and collects the others with their images', async () => {
    const used = await addImage(store, { name: 'used' });
    const other = await addImage(store, { name: 'other' });
    const tree = await store.renderTree(used.key);
    const gone = await store.renderTree(other.key);
    const report = await store.gc({
      graceMs: -1,
      inUse: () => ({ images: new Set(), trees: new Set([tree.id]) }),
    });

    expect(report).toMatchObject({ images: [other.key], trees: [gone.id] });
    expect(existsSync(tree.rootfs)).toBe(true);
    expect(store.record(used.key)?.treeSize).toBe(tree.size);
  });
});
