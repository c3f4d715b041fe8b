import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addImage, openTestStore } from '../../test/helpers/test-store.ts';
import type { ImageStore } from '../store.ts';

let dir: string;
let store: ImageStore;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dependencies-'));
  store = openTestStore(join(dir, 'cas'));
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

describe('a dependency that is named by an id', () => {
  it('is the image with that id, which has the name', async () => {
    const { key: below } = await addImage(store, { name: 'below' });
    await addImage(store, { name: 'below', version: '2' });
    const dependencies = [{ imageName: 'below', imageID: below.slice(0, 20) }];
    const { key } = await addImage(store, { name: 'above', manifest: { dependencies } });

    expect(store.treePlan(key).layers.map((layer) => layer.key)).toEqual([below, key]);
  });

  it('is refused when the image with that id has another name', async () => {
    const { key: other } = await addImage(store, { name: 'other' });
    await addImage(store, { name: 'below' });
    const dependencies = [{ imageName: 'below', imageID: other }];
    const { key } = await addImage(store, { name: 'above', manifest: { dependencies } });

    expect(() => store.treePlan(key)).toThrow(
      expect.objectContaining({
        code: 'IMAGE_DEPENDENCY_MISMATCH',
        message: `cannot use "below" as a dependency: ${other} was asked for, and that is "other"`,
        hint: expect.stringContaining('has to be built again'),
      }),
    );
  });
});
