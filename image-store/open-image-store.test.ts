import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeLabels } from '#schema/types/labels';
import { parseAcIdentifier } from '#schema/types/names';
import { addImage, openTestStore, SIGNED } from '../test/helpers/test-store.ts';
import { tinyAci } from '../test/helpers/tiny-aci.ts';
import type { ImageStore } from './store.ts';

let root: string;
let now: number;
let store: ImageStore;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'store-'));
  now = 1_700_000_000_000;
  store = openTestStore(join(root, 'cas'), { clock: () => now });
});
afterEach(() => {
  store.close();
  rmSync(root, { recursive: true });
});

describe('beginIngest()', () => {
  it('makes an image visible only when it is committed', async () => {
    await using ingest = await store.beginIngest();
    await pipeline([tinyAci({ name: 'a.b/c', version: '1' })], ingest.sink);
    const { key, size, manifest } = await ingest.finish();
    expect(store.list()).toEqual([]);
    const record = await ingest.commit(SIGNED, { latest: true });

    expect(manifest.name).toBe('a.b/c');
    expect(size).toBeGreaterThan(0);
    expect(store.list()).toEqual([record]);
    expect(store.record(key)).toEqual(record);
    expect(store.manifest(key)).toEqual(manifest);
    expect(record).toMatchObject({ key, size, importTime: now, lastUsed: now, accepted: SIGNED });
    expect(readdirSync(join(root, 'cas/tmp'))).toEqual([]);
    expect(readdirSync(join(root, 'cas/imagelocks'))).toEqual([]);
  });

  it('leaves nothing after an abort', async () => {
    const ingest = await store.beginIngest();
    ingest.sink.write(Buffer.alloc(3_000_000));
    await ingest.abort();
    await ingest.abort();

    expect(readdirSync(join(root, 'cas/tmp'))).toEqual([]);
  });

  it('rejects more bytes than the limit', async () => {
    await using ingest = await store.beginIngest({ maxBytes: 1000 });

    await expect(pipeline([tinyAci({ name: 'a' })], ingest.sink)).rejects.toMatchObject({
      code: 'IMAGE_TOO_LARGE',
    });
    await expect(ingest.finish()).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
  });

  it('keeps a verified acceptance when the same image comes insecurely', async () => {
    await addImage(store, { name: 'a' }, { latest: true });
    const again = await addImage(
      store,
      { name: 'a' },
      { accepted: { how: 'insecure', time: 2, source: 'y' }, latest: false },
    );

    expect(again).toMatchObject({ accepted: SIGNED, latest: true });
    expect(store.list()).toHaveLength(1);
  });
});

describe('findByPrefix()', () => {
  it('finds, and rejects what is not there, not unique or no prefix', async () => {
    const { key } = await addImage(store, { name: 'a' });

    expect(store.findByPrefix(key.slice(0, 12))).toBe(key);
    expect(store.findByPrefix(`${key}${'0'.repeat(64)}`)).toBe(key);
    expect(() => store.findByPrefix('sha512-')).toThrow(/not in the store/);
    expect(() => store.findByPrefix(`sha512-${'0'.repeat(64)}`)).toThrow(/not in the store/);
  });
});

describe('findByName()', () => {
  const a = parseAcIdentifier('a');

  it('matches all labels and prefers the latest, then the newest', async () => {
    const one = await addImage(store, { name: 'a', version: '1' }, { latest: true });
    now += 1;
    const two = await addImage(store, { name: 'a', version: '2' });
    now += 1;
    await addImage(store, { name: 'a/b', version: '3' }, { latest: true });

    expect(store.findByName(a, [])?.key).toBe(one.key);
    expect(store.findByName(a, makeLabels([['version', '2']]))?.key).toBe(two.key);
    expect(store.findByName(a, makeLabels([['version', '4']]))).toBeUndefined();
    expect(store.findByName(parseAcIdentifier('b'), [])).toBeUndefined();
  });
});
