import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '#base/log/log';
import { addImage, openTestStore, SIGNED } from '../../test/helpers/test-store.ts';
import {
  acceptancePath,
  blobPath,
  lastUsePath,
  lastUsesDir,
  manifestPath,
  recordPath,
  remotePath,
} from '../format/layout.ts';
import type { ImageStore } from '../store.ts';
import type { Acceptance, RemoteRecord } from './image-record.ts';
import { mergeKeeping } from './acceptance.ts';

let dir: string;
let now: number;
let store: ImageStore;
let said: string[];

beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'index-')), 'cas');
  now = 1_700_000_000_000;
  said = [];
  store = openTestStore(dir, {
    clock: () => now,
    log: createLog(({ message }) => said.push(message)),
  });
});
afterEach(() => {
  store.close();
  rmSync(join(dir, '..'), { recursive: true });
});

const insecure: Acceptance = { how: 'insecure', time: 5, source: 'y' };

describe('mergeKeeping()', () => {
  const signed = { accepted: SIGNED, latest: false };
  const newer = { accepted: { ...SIGNED, fingerprint: 'b'.repeat(40) }, latest: true };

  it.each([
    ['anything over nothing', undefined, signed, signed],
    [
      'a verified one over an insecure one',
      { accepted: insecure, latest: true },
      signed,
      { accepted: SIGNED, latest: true },
    ],
    [
      'never an insecure one over a verified one',
      signed,
      { accepted: insecure, latest: false },
      signed,
    ],
    ['the newer of two verified ones', signed, newer, newer],
  ])('takes %s', (...[, kept, given, merged]) => {
    expect(mergeKeeping(kept, given)).toEqual(merged);
  });
});

describe('touch()', () => {
  it('keeps the time, and costs far less than a millisecond', async () => {
    const { key } = await addImage(store, { name: 'a' });
    const started = performance.now();
    for (let round = 1; round <= 100; round += 1) {
      now += 1;
      store.touch(key);
    }

    expect((performance.now() - started) / 100).toBeLessThan(1);
    expect(store.record(key)?.lastUsed).toBe(now);
    expect(statSync(lastUsePath(dir, key)).mode & 0o777).toBe(0o660);
  });

  it('never fails', async () => {
    const { key, importTime } = await addImage(store, { name: 'a' });
    rmSync(lastUsesDir(dir), { recursive: true });
    store.touch(key);

    expect(store.record(key)?.lastUsed).toBe(importTime);
  });
});

describe('accept()', () => {
  it('notes a better acceptance and the latest, and keeps them', async () => {
    const { key } = await addImage(store, { name: 'a' }, { accepted: insecure });
    store.accept(key, { accepted: SIGNED, latest: true });
    expect(store.record(key)).toMatchObject({ accepted: SIGNED, latest: true });
    store.accept(key, { accepted: insecure, latest: false });

    expect(store.record(key)).toMatchObject({ accepted: SIGNED, latest: true });
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  });
});

describe('putRemote()', () => {
  it('keeps one record a URL', async () => {
    const { key } = await addImage(store, { name: 'a' });
    const record: RemoteRecord = {
      url: 'https://a/b.aci',
      signatureUrl: 'https://a/b.aci.asc',
      etag: '"1"',
      key,
      maxAge: 60,
      downloadTime: 1,
    };
    store.putRemote({ ...record, etag: '"0"' });
    store.putRemote(record);

    expect(store.remote(record.url)).toEqual(record);
    expect(store.remote('https://a/c.aci')).toBeUndefined();
    writeFileSync(remotePath(dir, record.url), '{');
    expect(store.remote(record.url)).toBeUndefined();
  });
});

describe('record()', () => {
  it('passes over a damaged image, saying so, and takes it back when it is brought again', async () => {
    const { key } = await addImage(store, { name: 'a' });
    for (const path of [recordPath(dir, key), acceptancePath(dir, key)]) {
      writeFileSync(path, '{"key":1');
      expect(store.record(key)).toBeUndefined();
      expect(store.list()).toEqual([]);
      expect(said.join('\n')).toContain(`passing over image ${key}`);
      await addImage(store, { name: 'a' });
      expect(store.list()).toHaveLength(1);
    }
  });
});

describe('rebuildIndex()', () => {
  it('makes the index anew from the blobs and what lies beside them', async () => {
    const before = await addImage(store, { name: 'a', version: '1' }, { latest: true });
    const gone = await addImage(store, { name: 'gone' });
    rmSync(blobPath(dir, gone.key));
    rmSync(recordPath(dir, before.key));
    rmSync(manifestPath(dir, before.key));
    const report = await store.rebuildIndex();

    expect(report).toEqual({ indexed: [before.key], dropped: [gone.key], refused: [] });
    expect(store.list()).toEqual([before]);
    expect(store.manifest(before.key).name).toBe('a');
  });

  it('refuses a blob that is no image or that nobody knows the acceptance of', async () => {
    const broken = await addImage(store, { name: 'a' });
    const unknown = await addImage(store, { name: 'b' });
    writeFileSync(blobPath(dir, broken.key), 'x'.repeat(1024));
    rmSync(acceptancePath(dir, unknown.key));
    const { refused } = await store.rebuildIndex();

    expect(new Set(refused.map(({ key }) => key))).toEqual(new Set([broken.key, unknown.key]));
    expect(store.list()).toEqual([]);
  });
});

describe('verifyBlob()', () => {
  it('tells a blob that is not the bytes that it was', async () => {
    const { key } = await addImage(store, { name: 'a' });
    await store.verifyBlobs(key);
    appendFileSync(blobPath(dir, key), 'x');

    await expect(store.verifyBlobs(key)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
  });
});

describe('findByPrefix()', () => {
  it('names the candidates of an ambiguous prefix', async () => {
    const keys: string[] = [];
    // Of so many images, the same each time, some begin with the same two digits.
    for (let index = 0; index < 40; index += 1) {
      keys.push((await addImage(store, { name: `image-${index}` })).key);
    }
    const prefixes = keys.map((key) => key.slice(0, 9));
    const twice = prefixes.find((prefix, index) => prefixes.indexOf(prefix) !== index) ?? '';
    const candidates = keys.filter((key) => key.startsWith(twice)).sort();

    expect(candidates.length).toBeGreaterThan(1);
    expect(() => store.findByPrefix(twice)).toThrow(
      expect.objectContaining({
        code: 'IMAGE_AMBIGUOUS',
        message: expect.stringContaining(candidates.join(', ')),
      }),
    );
  });
});
