import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createLog } from '#base/log/log';
import { codeOf } from '../test/helpers/code-of.ts';
import { addImage, openTestStore } from '../test/helpers/test-store.ts';
import {
  acceptancePath,
  blobPath,
  imageLocksDir,
  lastUsePath,
  manifestPath,
  manifestsDir,
  recordPath,
  storeDirs,
  tempDir,
  treeSizePath,
  versionPath,
} from './format/layout.ts';
import { nothingInUse } from './gc/in-use.ts';
import type { ImageRecord } from './index/image-record.ts';
import type { ImageStore } from './store.ts';

let dir: string;
let said: string[];
let store: ImageStore;
let image: ImageRecord;

const open = (): ImageStore =>
  openTestStore(dir, { log: createLog(({ message }) => said.push(message)) });
beforeEach(async () => {
  dir = join(mkdtempSync(join(tmpdir(), 'odd-')), 'cas');
  said = [];
  store = open();
  image = await addImage(store, { name: 'a' });
  await addImage(store, { name: 'b' });
});
afterEach(() => {
  store.close();
  rmSync(join(dir, '..'), { recursive: true });
});

const ODD: Readonly<Record<string, (path: string) => unknown>> = {
  'a directory': (path) => mkdirSync(join(path, 'more'), { recursive: true }),
  'a pipe': (path) => nodeExec.runSync({ argv: ['mkfifo', path], env: { PATH: '/usr/bin:/bin' } }),
  'a link that leads nowhere': (path) => symlinkSync('/nonexistent/x', path),
};

/** Puts something in the place of a file of the store. */
function put(what: string, path: string): void {
  rmSync(path, { force: true });
  ODD[what]?.(path);
}

describe.each(Object.keys(ODD))('a store with %s', (what) => {
  it.each([
    ['an index record', recordPath],
    ['an acceptance', acceptancePath],
  ])('in place of %s lists the rest, and takes the image in again', async (_name, pathOf) => {
    put(what, pathOf(dir, image.key));
    expect(store.list().map(({ name }) => name)).toEqual(['b']);
    expect(store.record(image.key)).toBeUndefined();
    expect(said).toEqual([expect.stringMatching(/is not a regular file; .*fetch/)]);
    await addImage(store, { name: 'a' });

    expect(
      store
        .list()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['a', 'b']);
  });

  it('in place of an index record has it made anew by gc', async () => {
    put(what, recordPath(dir, image.key));
    await store.gc({ graceMs: 1e9, inUse: nothingInUse });

    expect(store.record(image.key)?.name).toBe('a');
  });

  it('in place of an acceptance can be rid of the image', async () => {
    put(what, acceptancePath(dir, image.key));
    await store.remove(image.key);

    expect(existsSync(acceptancePath(dir, image.key))).toBe(false);
  });

  it('in place of the copy of a manifest says so, and has it made anew by gc', async () => {
    put(what, manifestPath(dir, image.key));
    expect(codeOf(() => store.treePlan(image.key))).toBe('STORE_DAMAGED');
    await store.gc({ graceMs: 1e9, inUse: nothingInUse });

    expect(store.manifest(image.key).name).toBe('a');
  });

  it('in place of a blob says so, and takes the image in again', async () => {
    put(what, blobPath(dir, image.key));
    await expect(store.verifyBlobs(image.key)).rejects.toThrow('is not a regular file');
    await expect(store.compare(image.key)).rejects.toThrow('is not a regular file');
    await addImage(store, { name: 'a' });

    expect(lstatSync(blobPath(dir, image.key)).isFile()).toBe(true);
  });

  it('in place of its number of format says so', () => {
    put(what, versionPath(dir));

    expect(codeOf(open)).toBe('STORE_DAMAGED');
  });

  it('in place of a lock says so, and collects the rest', async () => {
    put(what, join(imageLocksDir(dir), image.key));
    expect(codeOf(() => store.lease([image.key]))).toBe('LOCK_NOT_A_FILE');
    await store.gc({ graceMs: -1e9, inUse: nothingInUse });

    expect(store.list().map(({ name }) => name)).toEqual(['a']);
    expect(said).toContainEqual(expect.stringContaining('is not a regular file; passing over it'));
  });

  it('in place of what it need not have does without', () => {
    for (const path of [lastUsePath(dir, image.key), treeSizePath(dir, image.key)]) put(what, path);
    store.touch(image.key);

    expect(store.record(image.key)?.treeSize).toBe(0);
  });
});

describe('openImageStore()', () => {
  it('makes folders that are gone', async () => {
    for (const folder of storeDirs(dir)) {
      store.close();
      rmSync(folder, { recursive: true });
      store = open();
      await addImage(store, { name: 'a' });

      expect(store.record(image.key)?.name, folder).toBe('a');
    }
  });

  it('leaves manifests that are gone to gc, which looks into the blobs', async () => {
    store.close();
    rmSync(join(manifestsDir(dir, 'sha512'), '..'), { recursive: true });
    store = open();
    expect(() => store.treePlan(image.key)).toThrow('the copy of its manifest is gone');
    await store.gc({ graceMs: 1e9, inUse: nothingInUse });

    expect(store.manifest(image.key).name).toBe('a');
  });

  it('hints at what to do about a file in the place of a folder', async () => {
    rmSync(tempDir(dir), { recursive: true });
    writeFileSync(tempDir(dir), '');

    await expect(addImage(store, { name: 'c' })).rejects.toThrow(
      expect.objectContaining({ hint: expect.stringContaining('move away') }),
    );
  });
});
