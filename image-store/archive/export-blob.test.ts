import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
import { exportBlob } from './export-blob.ts';

let dir: string;
let blob: string;
let target: string;
let key: ImageKey;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'export-'));
  blob = join(dir, 'blob');
  target = join(dir, 'out.aci');
  writeFileSync(blob, 'archive');
  key = imageKeyOf(createHash('sha512').update('archive').digest());
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('exportBlob()', () => {
  it('copies a blob and leaves nothing else', async () => {
    await exportBlob({ key, blob, target: { path: target } });

    expect(readFileSync(target, 'utf8')).toBe('archive');
    expect(readdirSync(dir).sort()).toEqual(['blob', 'out.aci']);
  });

  it('tells a blob that is gone from a target that cannot be', async () => {
    await expect(
      exportBlob({ key, blob, target: { path: join(dir, 'none/out.aci') } }),
    ).rejects.toMatchObject({ code: 'TARGET_NO_PARENT' });
    rmSync(blob);

    await expect(exportBlob({ key, blob, target: { path: target } })).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      hint: expect.stringContaining('fetch it again'),
    });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('replaces a file only when told to', async () => {
    writeFileSync(target, 'mine');

    await expect(exportBlob({ key, blob, target: { path: target } })).rejects.toMatchObject({
      code: 'TARGET_EXISTS',
    });
    expect(readFileSync(target, 'utf8')).toBe('mine');
    await exportBlob({ key, blob, target: { path: target, overwrite: true } });
    expect(readFileSync(target, 'utf8')).toBe('archive');
  });

  it('replaces what a link leads to, and nothing but files', async () => {
    const link = join(dir, 'link');
    writeFileSync(target, 'mine');
    symlinkSync('out.aci', link);
    await exportBlob({ key, blob, target: { path: link, overwrite: true } });
    expect([readFileSync(target, 'utf8'), readlinkSync(link)]).toEqual(['archive', 'out.aci']);

    const device = join(dir, 'device');
    symlinkSync('/dev/null', device);
    for (const wrong of [dir, device]) {
      await expect(
        exportBlob({ key, blob, target: { path: wrong, overwrite: true } }),
      ).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
    }
    expect(statSync(device).isCharacterDevice()).toBe(true);
  });

  it('rejects a damaged blob and keeps what is there', async () => {
    writeFileSync(blob, 'Archive');
    writeFileSync(target, 'mine');

    await expect(
      exportBlob({ key, blob, target: { path: target, overwrite: true } }),
    ).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
    });
    expect(readFileSync(target, 'utf8')).toBe('mine');
    expect(readdirSync(dir).sort()).toEqual(['blob', 'out.aci']);
  });

  it('does not write the last piece of a damaged blob to a stream', async () => {
    const written: Uint8Array[] = [];
    const write = (piece: Uint8Array): boolean => written.push(piece) > 0;
    await exportBlob({ key, blob, target: { write } });
    expect(Buffer.concat(written).toString()).toBe('archive');

    written.length = 0;
    writeFileSync(blob, 'Archive');
    await expect(exportBlob({ key, blob, target: { write } })).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
    });
    expect(written).toEqual([]);
  });

  it('rejects a target in no directory', async () => {
    await expect(
      exportBlob({ key, blob, target: { path: join(dir, 'no', 'out.aci') } }),
    ).rejects.toMatchObject({ code: 'TARGET_NO_PARENT' });
  });
});
