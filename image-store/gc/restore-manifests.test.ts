import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { createLog } from '#base/log/log';
import { addImage, openTestStore } from '../../test/helpers/test-store.ts';
import type { StoreContext } from '../format/context.ts';
import { blobPath, manifestPath } from '../format/layout.ts';
import type { ImageStore } from '../store.ts';
import { nothingInUse } from './in-use.ts';
import { removeImage } from './remove-image.ts';
import { restoreManifests } from './restore-manifests.ts';

let root: string;
let store: ImageStore;
let context: StoreContext;
let said: string[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'restore-'));
  store = openTestStore(join(root, 'cas'));
  said = [];
  const log = createLog(({ message }) => said.push(message));
  context = { dir: store.dir, kernel: linuxKernel, log, clock: Date.now, groupId: undefined };
});
afterEach(() => {
  store.close();
  rmSync(root, { recursive: true });
});

it('says nothing of an image that is removed meanwhile', async () => {
  const { key } = await addImage(store, { name: 'a' });
  rmSync(manifestPath(store.dir, key));
  const restored = restoreManifests(context);
  removeImage(context, key, nothingInUse);
  await restored;

  expect(said).toEqual([]);
});

it('tells which image cannot be restored', async () => {
  const { key } = await addImage(store, { name: 'a' });
  rmSync(manifestPath(store.dir, key));
  rmSync(blobPath(store.dir, key));
  await restoreManifests(context);

  expect(said).toEqual([expect.stringContaining(`cannot restore the manifest of image ${key}: `)]);
});
