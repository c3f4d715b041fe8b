import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addImage, openTestStore } from '../../test/helpers/test-store.ts';
import { blobPath } from '../format/layout.ts';
import type { ImageStore } from '../store.ts';
import { createTakenBlobs } from './taken-blobs.ts';

let dir: string;
let store: ImageStore;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'taken-')), 'cas');
  store = openTestStore(dir);
});
afterEach(() => {
  store.close();
  rmSync(join(dir, '..'), { recursive: true });
});

describe('createTakenBlobs()', () => {
  it('knows what was noted, until its file is another or is written to', async () => {
    const taken = createTakenBlobs(dir);
    const { key } = await addImage(store, { name: 'a' });
    const path = blobPath(dir, key);
    expect(taken.isIntact(key)).toBe(false);

    taken.note(key);
    expect(taken.isIntact(key)).toBe(true);
    writeFileSync(path, 'x', { flag: 'r+' });
    expect(taken.isIntact(key)).toBe(false);

    taken.note(key);
    copyFileSync(path, `${path}.new`);
    renameSync(`${path}.new`, path);
    expect(taken.isIntact(key)).toBe(false);

    taken.note(key);
    rmSync(path);
    expect(taken.isIntact(key)).toBe(false);
  });
});
