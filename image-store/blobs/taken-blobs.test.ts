import { copyFileSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import { addImage, openTestStore, SIGNED } from '../../test/helpers/test-store.ts';
import { tinyAci } from '../../test/helpers/tiny-aci.ts';
import { blobPath } from '../format/layout.ts';
import type { ImageStore } from '../store.ts';
import { beginIngest } from './ingest.ts';
import { type BlobFile, createTakenBlobs } from './taken-blobs.ts';

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

const fileAt = (path: string): BlobFile => statSync(path, { bigint: true });

describe('createTakenBlobs()', () => {
  it('knows what was noted, until its file is another or is written to', async () => {
    const taken = createTakenBlobs(dir);
    const { key } = await addImage(store, { name: 'a' });
    const path = blobPath(dir, key);
    expect(taken.isIntact(key)).toBe(false);

    taken.note(key, fileAt(path));
    expect(taken.isIntact(key)).toBe(true);
    writeFileSync(path, 'x', { flag: 'r+' });
    expect(taken.isIntact(key)).toBe(false);

    taken.note(key, fileAt(path));
    copyFileSync(path, `${path}.new`);
    renameSync(`${path}.new`, path);
    expect(taken.isIntact(key)).toBe(false);

    taken.note(key, fileAt(path));
    rmSync(path);
    expect(taken.isIntact(key)).toBe(false);
  });

  it('is told of what is taken in', async () => {
    const taken = createTakenBlobs(dir);
    const context = { dir, kernel: linuxKernel, log: nullLog, clock: Date.now, groupId: undefined };
    await using ingest = beginIngest(context, taken);
    await pipeline([tinyAci({ name: 'a' })], ingest.sink);
    await ingest.finish();
    const { key } = await ingest.commit(SIGNED, { latest: false });

    expect(taken.isIntact(key)).toBe(true);
  });

  it('does not know a file that is not the one that was hashed', async () => {
    const taken = createTakenBlobs(dir);
    const { key } = await addImage(store, { name: 'a' });
    const path = blobPath(dir, key);
    const hashed = fileAt(path);
    copyFileSync(path, `${path}.new`);
    renameSync(`${path}.new`, path);

    taken.note(key, hashed);
    expect(taken.isIntact(key)).toBe(false);
  });
});
