import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOfAsync } from '../../../test/helpers/code-of.ts';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import { fetchImage, type ImageStore, parseReference } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { directory, symlink, type TarEntry, tarOf } from '../../../test/helpers/hostile-tar.ts';
import {
  ARCHITECTURE,
  INDEX_TYPE,
  type LayoutImage,
  makeLayout,
  type TestLayout,
  type WrittenImage,
} from '../../../test/helpers/oci-layout.ts';
import { openTestStore } from '../../../test/helpers/test-store.ts';
import { makeTrustHost, type TrustHost } from '../../../test/helpers/trust-host.ts';

let dir: string;
let layout: TestLayout;
let store: ImageStore;
let trusted: TrustHost;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'oci-'));
  layout = makeLayout(join(dir, 'layout'));
  store = openTestStore(join(dir, 'cas'));
  trusted = makeTrustHost();
});
afterEach(() => {
  store.close();
  trusted[Symbol.dispose]();
  rmSync(dir, { recursive: true });
});

async function fetch(text: string, { image = true }: { image?: boolean } = {}): Promise<ImageKey> {
  const { key } = await fetchImage(
    {
      reference: parseReference(text, { fileExists: () => false }),
      pullPolicy: 'new',
      insecure: { image, tls: false, http: false, pubkey: false },
    },
    { store, trust: trusted.trust, kernel: linuxKernel, exec: nodeExec, log: nullLog },
  );
  return key;
}

const file = (path: string): TarEntry => ({ path, body: path });
const layer = (...entries: readonly TarEntry[]): Buffer => tarOf(...entries);
const [base, top] = [layer(directory('a'), file('a/b')), layer(file('c'))];

const codeOf = async (text: string): Promise<string | undefined> =>
  await codeOfAsync(async () => await fetch(text));

/** Writes the only image of the layout. */
function only(image: Partial<LayoutImage> = {}): WrittenImage {
  const written = layout.image({ layers: [base, top], ...image });
  layout.index({ it: written.descriptor });
  return written;
}

const blobsOf = (): readonly string[] =>
  ['sha256', 'sha512'].flatMap((algorithm) =>
    readdirSync(join(store.dir, 'blob', algorithm)).flatMap((shard) =>
      readdirSync(join(store.dir, 'blob', algorithm, shard)),
    ),
  );
const kept = (digest: string): string => {
  const name = digest.replace(':', '-');
  return join(store.dir, 'blob', name.slice(0, 6), name.slice(7, 9), name);
};

describe('fetchImage(), of an OCI layout', () => {
  it('keeps manifest, configuration and layers as they came, by their own digests', async () => {
    const { descriptor, manifest, diffIds } = only({ config: { Cmd: ['/c'], User: '7' } });
    const key = await fetch(`oci:${layout.dir}`);

    expect(key).toBe(manifest.config.digest.replace(':', '-'));
    for (const { digest } of [descriptor, manifest.config, ...manifest.layers]) {
      expect(readFileSync(kept(digest))).toEqual(readFileSync(layout.blobPath(digest)));
    }
    expect(blobsOf()).toHaveLength(5);
    expect(store.record(key)).toMatchObject({
      name: 'layout',
      accepted: { how: 'insecure' },
      origin: { reference: `oci:${layout.dir}` },
      oci: {
        manifest: descriptor.digest,
        layers: manifest.layers.map(({ digest, size }, index) => ({
          digest,
          size,
          diffId: diffIds[index],
        })),
      },
    });
    expect(store.manifest(key).app).toMatchObject({ exec: ['/c'], user: '7' });
    await store.verifyBlobs(key);
  });

  it.each([
    ['zstd', 'sha256'],
    ['plain', 'sha256'],
    ['gzip', 'sha512'],
  ] as const)('takes layers packed with %s and digests by %s', async (packing, algorithm) => {
    only({ packing, algorithm, layers: [base, Buffer.alloc(1024), top] });
    const key = await fetch(`oci:${layout.dir}:it`);

    expect(key).toMatch(new RegExp(`^${algorithm}-[0-9a-f]{64}$`));
    await store.verifyBlobs(key);
    expect((await store.rebuildIndex()).indexed).toEqual([key]);
  });

  it('refuses one unless told otherwise, and reads nothing of it', async () => {
    await expect(fetch(`oci:${join(dir, 'none')}`, { image: false })).rejects.toMatchObject({
      code: 'IMAGE_REJECTED',
    });
  });

  it('brings only the layers that are not there', async () => {
    layout.index({
      one: layout.image({ layers: [base] }).descriptor,
      two: layout.image({ layers: [base, top, base] }).descriptor,
    });
    const one = await fetch(`oci:${layout.dir}:one`);
    const shared = kept(store.record(one)?.oci?.layers[0]?.digest ?? '');
    const before = statSync(shared).ino;
    const two = await fetch(`oci:${layout.dir}:two`);

    expect(statSync(shared).ino).toBe(before);
    expect(blobsOf()).toHaveLength(2 + 2 + 2 + 2);

    store.remove(one);
    expect(existsSync(shared)).toBe(true);
    await store.verifyBlobs(two);
    store.remove(two);
    expect(blobsOf()).toEqual([]);
  });

  it('is found by its reference, and by no name of an ACI', async () => {
    const { name, labels } = store.manifest(await fetchOnly());

    expect(store.findByName(name, labels ?? [])).toBeUndefined();
    const reference = parseReference(`oci:${layout.dir}:it`, { fileExists: () => false });
    expect(reference.kind === 'local' && store.findByReference(reference)).toMatchObject({ name });
  });

  it('is back in the index when that was lost', async () => {
    const key = await fetchOnly();
    const before = store.record(key);
    store.close();
    rmSync(join(store.dir, 'index'), { recursive: true });
    rmSync(join(store.dir, 'tmp'), { recursive: true });
    store = openTestStore(store.dir);
    expect(store.record(key)).toEqual(before);

    rmSync(join(store.dir, 'index/image', `${key}.json`));
    await store.gc({ graceMs: 0, inUse: () => ({ images: new Set([key]), trees: new Set() }) });
    expect(store.record(key)).toEqual(before);
  });

  it('is told from damaged ones', async () => {
    const key = await fetchOnly();
    const path = kept(store.record(key)?.oci?.layers[1]?.digest ?? '');
    truncateSync(path, 10);

    await expect(store.verifyBlobs(key)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    await fetchOnly();
    await store.verifyBlobs(key);
  });

  async function fetchOnly(): Promise<ImageKey> {
    only();
    return await fetch(`oci:${layout.dir}:it`);
  }
});

describe('fetchImage(), of an OCI index', () => {
  const foreign = { os: 'linux', architecture: 'mips64' };
  const here = { os: 'linux', architecture: ARCHITECTURE };
  const indexOf = (...manifests: readonly object[]): void => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
    layout.index({ it: layout.put(bytes, INDEX_TYPE) });
  };

  it('takes the image of this machine', async () => {
    const [ours, others] = [layout.image({ layers: [base] }), layout.image({ layers: [top] })];
    indexOf({ ...others.descriptor, platform: foreign }, { ...ours.descriptor, platform: here });

    const key = await fetch(`oci:${layout.dir}`);
    expect(store.record(key)?.oci?.manifest).toBe(ours.descriptor.digest);
  });

  it('says which machines it is for when this is none', async () => {
    indexOf({ ...layout.image({ layers: [base] }).descriptor, platform: foreign });

    await expect(fetch(`oci:${layout.dir}`)).rejects.toMatchObject({
      code: 'IMAGE_FOREIGN',
      hint: 'it is for linux/mips64',
    });
  });

  it('follows no index without end', async () => {
    let inner: object = layout.image({ layers: [base] }).descriptor;
    for (let depth = 0; depth < 8; depth += 1) {
      const text = JSON.stringify({ schemaVersion: 2, manifests: [inner] });
      inner = layout.put(Buffer.from(text), INDEX_TYPE);
    }
    indexOf(inner);

    expect(await codeOf(`oci:${layout.dir}`)).toBe('IMAGE_MANIFEST_INVALID');
  });
});

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
      () => corrupt(layout.blobPath(only().descriptor.digest)),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a changed configuration',
      () => corrupt(layout.blobPath(only().manifest.config.digest)),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a changed layer',
      () => corrupt(layout.blobPath(only({ packing: 'plain' }).manifest.layers[0]?.digest ?? '')),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a missing layer',
      () => rmSync(layout.blobPath(only().manifest.layers[1]?.digest ?? '')),
      'IMAGE_FILE_UNREADABLE',
    ],
    [
      'a layer that is longer',
      () => only({ patchManifest: ({ layers }) => void ((layers[0] ?? never()).size -= 1) }),
      'IMAGE_SIZE_MISMATCH',
    ],
    [
      'a layer that is shorter',
      () => only({ patchManifest: ({ layers }) => void ((layers[0] ?? never()).size += 1) }),
      'IMAGE_SIZE_MISMATCH',
    ],
    [
      'a layer that unpacks to something else',
      () =>
        only({
          patchConfig: (config) =>
            void (config['rootfs'] = { type: 'layers', diff_ids: [digest, digest] }),
        }),
      'IMAGE_DIGEST_MISMATCH',
    ],
    [
      'a layer too many',
      () => only({ patchManifest: ({ layers }) => void layers.pop() }),
      'IMAGE_MANIFEST_INVALID',
    ],
    [
      'a manifest of 100 MB',
      () => layout.index({ it: { ...only().descriptor, size: 1e8 } }),
      'IMAGE_DOCUMENT_TOO_LARGE',
    ],
    [
      'a layer that is no archive',
      () => only({ layers: [Buffer.from('x'.repeat(2000))] }),
      'ARCHIVE_CORRUPT',
    ],
    ['traversal', () => only({ layers: [layer(file('../x'))] }), 'ARCHIVE_ENTRY_REFUSED'],
    [
      'a way through a link',
      () => only({ layers: [layer(symlink('l', '/'), file('l/x'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a whiteout of ..',
      () => only({ layers: [layer(file('a/.wh...'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    ['a whiteout of .', () => only({ layers: [layer(file('.wh..'))] }), 'ARCHIVE_ENTRY_REFUSED'],
    [
      'a whiteout of nothing',
      () => only({ layers: [layer(file('.wh.'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a whiteout behind a link',
      () => only({ layers: [layer(symlink('l', '/'), file('l/.wh.x'))] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    [
      'a disguised whiteout',
      () => only({ layers: [layer({ path: 'x', flag: '3' })] }),
      'ARCHIVE_ENTRY_REFUSED',
    ],
    ['no layout', () => rmSync(join(layout.dir, 'oci-layout')), 'IMAGE_FILE_UNREADABLE'],
    [
      'a layout of another version',
      () => writeFileSync(join(layout.dir, 'oci-layout'), '{"imageLayoutVersion":"2"}'),
      'OCI_LAYOUT_INVALID',
    ],
    [
      'an index that is none',
      () => writeFileSync(join(layout.dir, 'index.json'), '[]'),
      'OCI_LAYOUT_INVALID',
    ],
    ['an index without images', () => layout.index({}), 'IMAGE_NAME_UNKNOWN'],
  ])('rejects %s and keeps nothing that is seen', async (_, make, code) => {
    only();
    make();

    expect(await codeOf(`oci:${layout.dir}`)).toBe(code);
    expect(store.list()).toEqual([]);
    expect(readdirSync(join(store.dir, 'tmp'))).toEqual([]);
    expect(readdirSync(join(store.dir, 'imagelocks'))).toEqual([]);
  });

  it('rejects a decompression bomb before it has filled the disk', async () => {
    store.close();
    store = openTestStore(store.dir, { limits: { maxBytes: 1024 ** 2 } });
    only({ layers: [Buffer.alloc(16 * 1024 ** 2)] });

    expect(await codeOf(`oci:${layout.dir}`)).toBe('IMAGE_TOO_LARGE');
  });

  it('names the images when none or several are meant', async () => {
    const [a, b] = [layout.image({ layers: [base] }), layout.image({ layers: [top] })];
    layout.index({ a: a.descriptor, b: b.descriptor });

    await expect(fetch(`oci:${layout.dir}`)).rejects.toMatchObject({
      code: 'IMAGE_NAME_UNKNOWN',
      hint: expect.stringContaining('"a", "b"') as string,
    });
    expect(await codeOf(`oci:${layout.dir}:c`)).toBe('IMAGE_NAME_UNKNOWN');
  });
});

describe('fetchImage(), of archives on this machine', () => {
  const filesBelow = (folder: string, prefix = ''): readonly TarEntry[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory()
        ? filesBelow(join(folder, entry.name), `${prefix}${entry.name}/`)
        : [{ path: `${prefix}${entry.name}`, body: readFileSync(join(folder, entry.name)) }],
    );

  it.each([
    ['plain', (tar: Buffer) => tar],
    ['packed', (tar: Buffer) => gzipSync(tar)],
  ])('takes a layout in a %s archive', async (_, pack) => {
    const { manifest } = only();
    const path = join(dir, 'image.tar');
    writeFileSync(path, pack(tarOf(...filesBelow(layout.dir))));
    const key = await fetch(`oci-archive:${path}:it`);

    expect(key).toBe(manifest.config.digest.replace(':', '-'));
    expect(store.record(key)?.name).toBe('image');
    expect(readdirSync(join(store.dir, 'tmp'))).toEqual([]);
  });

  it('takes what docker save writes', async () => {
    const config = JSON.stringify({
      os: 'linux',
      architecture: ARCHITECTURE,
      rootfs: { type: 'layers', diff_ids: only({ packing: 'plain' }).diffIds },
    });
    const saved = [
      { Config: 'c.json', RepoTags: ['busybox:1'], Layers: ['1/layer.tar', '2/layer.tar'] },
    ];
    const path = join(dir, 'saved.tar');
    const entries = [
      { path: 'manifest.json', body: JSON.stringify(saved) },
      { path: 'c.json', body: config },
      { path: 'x/layer.tar', body: base },
      symlink('1/layer.tar', '../x/layer.tar'),
      { path: '2/layer.tar', body: top },
    ];
    writeFileSync(path, tarOf(...entries));
    const keys = [
      await fetch(`docker-archive:${path}`),
      await fetch(`docker-archive:${path}:docker.io/library/busybox:1`),
    ];

    expect(keys[0]).toBe(keys[1]);
    expect(store.manifest(keys[0] as ImageKey)).toMatchObject({
      name: 'docker.io/library/busybox',
      labels: expect.arrayContaining([{ name: 'version', value: '1' }]) as unknown,
    });
    expect(await codeOf(`docker-archive:${path}:busybox`)).toBe('IMAGE_NAME_UNKNOWN');
    writeFileSync(path, tarOf(...entries.slice(0, 4)));
    expect(await codeOf(`docker-archive:${path}`)).toBe('IMAGE_FILE_UNREADABLE');
  });

  it.each([
    ['what is not there', 'none', 'IMAGE_FILE_UNREADABLE'],
    ['a directory', 'folder', 'IMAGE_FILE_UNREADABLE'],
    ['no archive', 'text', 'ARCHIVE_UNKNOWN'],
  ])('rejects %s', async (_, name, code) => {
    mkdirSync(join(dir, 'folder'));
    writeFileSync(join(dir, 'text'), 'x'.repeat(1000));

    expect(await codeOf(`oci-archive:${join(dir, name)}`)).toBe(code);
    expect(await codeOf(`docker-archive:${join(dir, name)}`)).toBe(code);
  });
});

function never(): never {
  throw new Error('no such layer');
}
