import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, nullLog } from '#base/log/log';
import { codeOfAsync } from '../../../test/helpers/code-of.ts';
import { symlink, type TarEntry, tarOf } from '../../../test/helpers/hostile-tar.ts';
import {
  BASE_LAYER,
  TOP_LAYER,
  type OciHost,
  openOciHost,
} from '../../../test/helpers/oci-host.ts';

let host: OciHost;
beforeEach(() => {
  host = openOciHost();
});
afterEach(() => {
  host[Symbol.dispose]();
});

const codeOf = async (text: string): Promise<string | undefined> =>
  await codeOfAsync(async () => await host.fetch(text));

const file = (path: string): TarEntry => ({ path, body: path });
const layer = (...entries: readonly TarEntry[]): Buffer => tarOf(...entries);

describe('fetchImage(), of what is no good OCI image', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const corrupt = (path: string): void => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
  };

  it.each<readonly [string, () => unknown, string]>([
    [
      'a changed manifest',
      () => corrupt(host.layout.blobPath(host.only().descriptor.digest)),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a changed configuration',
      () => corrupt(host.layout.blobPath(host.only().manifest.config.digest)),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a changed layer',
      () =>
        corrupt(
          host.layout.blobPath(host.only({ packing: 'plain' }).manifest.layers[0]?.digest ?? ''),
        ),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a missing layer',
      () => rmSync(host.layout.blobPath(host.only().manifest.layers[1]?.digest ?? '')),
      'IMAGE_FILE_UNREADABLE',
    ],
    [
      'a layer that is longer',
      () => host.only({ patchManifest: ({ layers }) => void ((layers[0] ?? never()).size -= 1) }),
      'IMAGE_SIZE_MISMATCH',
    ],
    [
      'a layer that is shorter',
      () => host.only({ patchManifest: ({ layers }) => void ((layers[0] ?? never()).size += 1) }),
      'IMAGE_SIZE_MISMATCH',
    ],
    [
      'a layer that unpacks to something else',
      () =>
        host.only({
          patchConfig: (config) =>
            void (config['rootfs'] = { type: 'layers', diff_ids: [digest, digest] }),
        }),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a layer too many',
      () => host.only({ patchManifest: ({ layers }) => void layers.pop() }),
      'IMAGE_MANIFEST_INVALID',
    ],
    [
      'a manifest of 100 MB',
      () => host.layout.index({ it: { ...host.only().descriptor, size: 1e8 } }),
      'IMAGE_DOCUMENT_TOO_LARGE',
    ],
    [
      'a layer that is no archive',
      () => host.only({ layers: [Buffer.from('x'.repeat(2000))] }),
      'ARCHIVE_CORRUPT',
    ],
    ['traversal', () => host.only({ layers: [layer(file('../x'))] }), 'ARCHIVE_ENTRY_REFUSED'],
    [
      'a way through a link',
      () => host.only({ layers: [layer(symlink('l', '/'), file('l/x'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a whiteout of ..',
      () => host.only({ layers: [layer(file('a/.wh...'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a whiteout of .',
      () => host.only({ layers: [layer(file('.wh..'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a whiteout of nothing',
      () => host.only({ layers: [layer(file('.wh.'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a whiteout behind a link',
      () => host.only({ layers: [layer(symlink('l', '/'), file('l/.wh.x'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a disguised whiteout',
      () => host.only({ layers: [layer({ path: 'x', flag: '3' })] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    ['no layout', () => rmSync(join(host.layout.dir, 'oci-layout')), 'IMAGE_FILE_UNREADABLE'],
    [
      'a layout of another version',
      () => writeFileSync(join(host.layout.dir, 'oci-layout'), '{"imageLayoutVersion":"2"}'),
      'OCI_LAYOUT_INVALID',
    ],
    [
      'an index that is none',
      () => writeFileSync(join(host.layout.dir, 'index.json'), '[]'),
      'OCI_LAYOUT_INVALID',
    ],
    ['an index without images', () => host.layout.index({}), 'IMAGE_NAME_UNKNOWN'],
  ])('rejects %s and keeps nothing that is seen', async (_, make, code) => {
    host.only();
    make();

    expect(await codeOf(`oci:${host.layout.dir}`)).toBe(code);
    expect(host.store.list()).toEqual([]);
    expect(readdirSync(join(host.store.dir, 'tmp'))).toEqual([]);
    expect(readdirSync(join(host.store.dir, 'imagelocks'))).toEqual([]);
  });

  it.each(['plain', 'gzip'] as const)('says of a changed %s layer what came', async (packing) => {
    corrupt(host.layout.blobPath(host.only({ packing }).manifest.layers[0]?.digest ?? ''));

    await expect(host.fetch(`oci:${host.layout.dir}`)).rejects.toThrow(
      expect.objectContaining({
        code: 'IMAGE_DIGEST_MISMATCH',
        message: expect.stringContaining('what came has the digest sha256:'),
      }),
    );
  });

  it('names the layer that cannot be used', async () => {
    const { manifest } = host.only({ layers: [BASE_LAYER, layer(file('../x'))] });
    await expect(host.fetch(`oci:${host.layout.dir}`)).rejects.toThrow(
      `cannot accept layer ${manifest.layers[1]?.digest} of image "oci:${host.layout.dir}"`,
    );
  });

  it('shows of each layer how it ended', async () => {
    host.only();
    const ends: boolean[] = [];
    const log: Log = {
      ...nullLog,
      progress: ({ finished, failed }) => void (finished === true && ends.push(failed === true)),
    };
    await host.fetch(`oci:${host.layout.dir}`, { log });
    expect(ends).toEqual([false, false]);

    ends.length = 0;
    const lost = host.only({ layers: [BASE_LAYER, layer(file('d'))] }).manifest.layers[1];
    rmSync(host.layout.blobPath(lost?.digest ?? ''));
    await expect(host.fetch(`oci:${host.layout.dir}`, { log })).rejects.toThrow();
    expect(ends).toEqual([true]);
  });

  it('rejects a decompression bomb before it has filled the disk', async () => {
    host.reopen({ limits: { maxBytes: 1024 ** 2 } });
    host.only({ layers: [Buffer.alloc(16 * 1024 ** 2)] });

    expect(await codeOf(`oci:${host.layout.dir}`)).toBe('IMAGE_TOO_LARGE');
  });

  it('rejects a layer with more entries than an image may have', async () => {
    host.reopen({ limits: { maxEntries: 2 } });
    host.only({ layers: [layer(file('a'), file('b'))] });
    await host.fetch(`oci:${host.layout.dir}`);
    host.only({ layers: [layer(file('a'), file('b'), file('c'))] });

    expect(await codeOf(`oci:${host.layout.dir}`)).toBe('ARCHIVE_TOO_BIG');
  });

  it('names the images when none or several are meant', async () => {
    const [a, b] = [
      host.layout.image({ layers: [BASE_LAYER] }),
      host.layout.image({ layers: [TOP_LAYER] }),
    ];
    host.layout.index({ a: a.descriptor, b: b.descriptor });

    await expect(host.fetch(`oci:${host.layout.dir}`)).rejects.toMatchObject({
      code: 'IMAGE_NAME_UNKNOWN',
      hint: expect.stringContaining('"a", "b"') as string,
    });
    expect(await codeOf(`oci:${host.layout.dir}:c`)).toBe('IMAGE_NAME_UNKNOWN');
  });
});

function never(): never {
  throw new Error('no such layer');
}
