import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseReference } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { codeOfAsync } from '../../../test/helpers/code-of.ts';
import { ARCHITECTURE, INDEX_TYPE } from '../../../test/helpers/oci-layout.ts';
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

const blobsOf = (): readonly string[] =>
  ['sha256', 'sha512'].flatMap((algorithm) =>
    readdirSync(join(host.store.dir, 'blob', algorithm)).flatMap((shard) =>
      readdirSync(join(host.store.dir, 'blob', algorithm, shard)),
    ),
  );
const kept = (digest: string): string => {
  const name = digest.replace(':', '-');
  return join(host.store.dir, 'blob', name.slice(0, 6), name.slice(7, 9), name);
};

describe('fetchImage(), of an OCI layout', () => {
  it('keeps manifest, configuration and layers as they came, by their own digests', async () => {
    const { descriptor, manifest, diffIds } = host.only({ config: { Cmd: ['/c'], User: '7' } });
    const key = await host.fetch(`oci:${host.layout.dir}`);

    expect(key).toBe(manifest.config.digest.replace(':', '-'));
    for (const { digest } of [descriptor, manifest.config, ...manifest.layers]) {
      expect(readFileSync(kept(digest))).toEqual(readFileSync(host.layout.blobPath(digest)));
    }
    expect(blobsOf()).toHaveLength(5);
    expect(host.store.record(key)).toMatchObject({
      name: 'layout',
      accepted: { how: 'insecure' },
      origin: { reference: `oci:${host.layout.dir}` },
      oci: {
        manifest: descriptor.digest,
        layers: manifest.layers.map(({ digest, size }, index) => ({
          digest,
          size,
          diffId: diffIds[index],
        })),
      },
    });
    expect(host.store.manifest(key).app).toMatchObject({ exec: ['/c'], user: '7' });
    await host.store.verifyBlobs(key);
  });

  it.each([
    ['zstd', 'sha256'],
    ['plain', 'sha256'],
    ['gzip', 'sha512'],
  ] as const)('takes layers packed with %s and digests by %s', async (packing, algorithm) => {
    host.only({ packing, algorithm, layers: [BASE_LAYER, Buffer.alloc(1024), TOP_LAYER] });
    const key = await host.fetch(`oci:${host.layout.dir}:it`);

    expect(key).toMatch(new RegExp(`^${algorithm}-[0-9a-f]{64}$`));
    await host.store.verifyBlobs(key);
    expect((await host.store.rebuildIndex()).indexed).toEqual([key]);
  });

  it('refuses one unless told otherwise, and reads nothing of it', async () => {
    await expect(
      host.fetch(`oci:${join(host.dir, 'none')}`, { image: false }),
    ).rejects.toMatchObject({
      code: 'IMAGE_REJECTED',
    });
  });

  it('brings only the layers that are not there', async () => {
    host.layout.index({
      one: host.layout.image({ layers: [BASE_LAYER] }).descriptor,
      two: host.layout.image({ layers: [BASE_LAYER, TOP_LAYER, BASE_LAYER] }).descriptor,
    });
    const one = await host.fetch(`oci:${host.layout.dir}:one`);
    const shared = kept(host.store.record(one)?.oci?.layers[0]?.digest ?? '');
    const before = statSync(shared).ino;
    const two = await host.fetch(`oci:${host.layout.dir}:two`);

    expect(statSync(shared).ino).toBe(before);
    expect(blobsOf()).toHaveLength(2 + 2 + 2 + 2);

    await host.store.remove(one);
    expect(existsSync(shared)).toBe(true);
    await host.store.verifyBlobs(two);
    await host.store.remove(two);
    expect(blobsOf()).toEqual([]);
  });

  it('is found by its reference, and by no name of an ACI', async () => {
    const { name, labels } = host.store.manifest(await fetchOnly());

    expect(host.store.findByName(name, labels ?? [])).toBeUndefined();
    const reference = parseReference(`oci:${host.layout.dir}:it`, { fileExists: () => false });
    expect(reference.kind === 'local' && host.store.findByReference(reference)).toMatchObject({
      name,
    });
  });

  it('is back in the index when that was lost', async () => {
    const key = await fetchOnly();
    const before = host.store.record(key);
    host.reopen({}, () => {
      rmSync(join(host.store.dir, 'index'), { recursive: true });
      rmSync(join(host.store.dir, 'tmp'), { recursive: true });
    });
    expect(host.store.record(key)).toEqual(before);

    rmSync(join(host.store.dir, 'index/image', `${key}.json`));
    await host.store.gc({
      graceMs: 0,
      inUse: () => ({ images: new Set([key]), trees: new Set() }),
    });
    expect(host.store.record(key)).toEqual(before);
  });

  it('is told from damaged ones', async () => {
    const key = await fetchOnly();
    const path = kept(host.store.record(key)?.oci?.layers[1]?.digest ?? '');
    truncateSync(path, 10);

    await expect(host.store.verifyBlobs(key)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    await fetchOnly();
    await host.store.verifyBlobs(key);
  });

  async function fetchOnly(): Promise<ImageKey> {
    host.only();
    return await host.fetch(`oci:${host.layout.dir}:it`);
  }
});

describe('fetchImage(), of an OCI index', () => {
  const foreign = { os: 'linux', architecture: 'mips64' };
  const here = { os: 'linux', architecture: ARCHITECTURE };
  const indexOf = (...manifests: readonly object[]): void => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
    host.layout.index({ it: host.layout.put(bytes, INDEX_TYPE) });
  };

  it('takes the image of this machine', async () => {
    const [ours, others] = [
      host.layout.image({ layers: [BASE_LAYER] }),
      host.layout.image({ layers: [TOP_LAYER] }),
    ];
    indexOf({ ...others.descriptor, platform: foreign }, { ...ours.descriptor, platform: here });

    const key = await host.fetch(`oci:${host.layout.dir}`);
    expect(host.store.record(key)?.oci?.manifest).toBe(ours.descriptor.digest);
  });

  it('says which machines it is for when this is none', async () => {
    indexOf({ ...host.layout.image({ layers: [BASE_LAYER] }).descriptor, platform: foreign });

    await expect(host.fetch(`oci:${host.layout.dir}`)).rejects.toMatchObject({
      code: 'IMAGE_FOREIGN',
      hint: 'it is for linux/mips64',
    });

    // As good as no other: what a newer processor knows this one may not.
    const newer = { ...here, variant: 'v99' };
    indexOf({ ...host.layout.image({ layers: [BASE_LAYER] }).descriptor, platform: newer });
    await expect(host.fetch(`oci:${host.layout.dir}`)).rejects.toMatchObject({
      hint: `it is for linux/${ARCHITECTURE}/v99`,
    });
  });

  it('follows no index without end', async () => {
    let inner: object = host.layout.image({ layers: [BASE_LAYER] }).descriptor;
    for (let depth = 0; depth < 8; depth += 1) {
      const text = JSON.stringify({ schemaVersion: 2, manifests: [inner] });
      inner = host.layout.put(Buffer.from(text), INDEX_TYPE);
    }
    indexOf(inner);

    expect(await codeOf(`oci:${host.layout.dir}`)).toBe('IMAGE_MANIFEST_INVALID');
  });
});
