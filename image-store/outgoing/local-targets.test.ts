import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import type { ImageKey } from '#schema/types/image-hash';
import { BASE_LAYER, type OciHost, openOciHost } from '../../test/helpers/oci-host.ts';
import { INDEX_TYPE, MANIFEST_TYPE, type WrittenImage } from '../../test/helpers/oci-layout.ts';
import { makeTrustHost } from '../../test/helpers/trust-host.ts';
import { loadImages } from '../fetch/load-images.ts';
import { writeTarget } from '../archive/write-target.ts';
import { parseReference } from '../reference/parse-reference.ts';
import { imageArchive } from './image-archive.ts';
import { pushImage } from './push-image.ts';

const INSECURE = { image: true, tls: false, http: false, pubkey: false };
const NAME = 'r.example/team/app:1';

let host: OciHost;
let trusted: ReturnType<typeof makeTrustHost>;
beforeEach(() => {
  host = openOciHost();
  trusted = makeTrustHost();
});
afterEach(() => {
  trusted[Symbol.dispose]();
  host[Symbol.dispose]();
});

const at = (name: string): string => join(host.dir, name);
const context = () => ({
  store: host.store,
  trust: trusted.trust,
  kernel: linuxKernel,
  exec: nodeExec,
  log: nullLog,
});

/** Brings the only image of the layout, under a name. */
async function bring(image: WrittenImage = host.only()): Promise<ImageKey> {
  host.layout.index({ [NAME]: image.descriptor });
  return await host.fetch(`oci:${host.layout.dir}:${NAME}`);
}

async function push(key: ImageKey, to: string): Promise<string> {
  const destination = parseReference(to, { fileExists: () => false });
  if (destination.kind !== 'local') throw new Error(to);
  return await pushImage({ key, destination, overwrite: false, insecure: INSECURE }, context());
}

async function load(from: string): Promise<readonly ImageKey[]> {
  const keys: ImageKey[] = [];
  const loaded = async (key: ImageKey): Promise<void> => {
    await Promise.resolve();
    keys.push(key);
  };
  await loadImages({ from, insecure: INSECURE, loaded }, context());
  return keys;
}

const indexAt = (dir: string): { manifests: { annotations?: object }[]; kept?: string } =>
  JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as never;

describe('an OCI layout that is pushed to', () => {
  it('keeps what else it holds, and has one image of a name', async () => {
    const other = host.only({ config: { Cmd: ['other'] } });
    const key = await bring();
    const index = { schemaVersion: 2, kept: 'so', manifests: [other.descriptor] };
    writeFileSync(join(host.layout.dir, 'index.json'), JSON.stringify(index));
    await push(key, `oci:${host.layout.dir}:new`);
    await push(key, `oci:${host.layout.dir}:new`);
    const { manifests, kept } = indexAt(host.layout.dir);
    expect(kept).toBe('so');
    expect(manifests.map(({ annotations }) => annotations)).toEqual([
      undefined,
      { 'org.opencontainers.image.ref.name': 'new' },
    ]);
  });

  it('takes several images at a time', async () => {
    const key = await bring();
    const names = Array.from({ length: 8 }, (_, index) => `v${index}`);
    await Promise.all(names.map(async (name) => await push(key, `oci:${at('many')}:${name}`)));
    const found = indexAt(at('many')).manifests.map(({ annotations = {} }) =>
      Object.values(annotations),
    );
    expect(found.flat().map(String).sort()).toEqual(names);
  });

  it('is refused when its index is none, and stays as it was', async () => {
    const key = await bring();
    mkdirSync(at('broken'));
    writeFileSync(at('broken/oci-layout'), '{}');
    writeFileSync(at('broken/index.json'), '{"manifests":[{}]}');
    await expect(push(key, `oci:${at('broken')}`)).rejects.toMatchObject({
      code: 'OCI_LAYOUT_INVALID',
    });
    expect(readdirSync(at('broken')).sort()).toEqual(['index.json', 'oci-layout']);
  });

  it('does not show an image of which a layer is damaged', async () => {
    const image = host.only();
    const key = await bring(image);
    const layer = (image.manifest.layers[0]?.digest ?? '').replace(':', '-');
    const path = join(host.store.dir, 'blob/sha256', layer.slice(7, 9), layer);
    writeFileSync(path, Buffer.alloc(readFileSync(path).length));
    await expect(push(key, `oci:${at('out')}`)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });
    expect(readdirSync(at('out'))).toEqual(['blobs']);
    expect(readdirSync(at('out/blobs/sha256')).join()).not.toContain('tmp');
    await expect(push(key, `docker-archive:${at('out.tar')}`)).rejects.toThrow();
    expect(readdirSync(host.dir).filter((name) => name.includes('out.tar'))).toEqual([]);
  });
});

describe('an archive of images', () => {
  const save = async (key: ImageKey, format: 'oci-archive' | 'docker-archive'): Promise<string> => {
    const path = at(`${format}.tar`);
    const request = { store: host.store, exec: nodeExec, keys: [key, key], format };
    await writeTarget({ path }, imageArchive(request));
    return path;
  };

  // docker-archive has no place for digests, and its readers make them with sha256.
  it.each([
    ['oci-archive', 'sha512'],
    ['docker-archive', 'sha256'],
  ] as const)(
    'brings back an image that has a layer twice by %s, in %s',
    async (format, algorithm) => {
      const layers = [BASE_LAYER, BASE_LAYER];
      const key = await bring(host.only({ layers, algorithm, packing: 'zstd' }));
      const path = await save(key, format);
      await host.store.remove(key);
      expect(await load(path)).toEqual([key]);
      const origin = host.store.record(key)?.origin;
      expect(origin).toMatchObject({ name: 'r.example/team/app', version: '1' });
      expect(origin?.reference).toBe(`${format}:${path}:${NAME}`);
    },
  );

  it('is loaded whole: images without names, and of several machines the one for this', async () => {
    const [one, two, foreign] = [
      host.only({ config: { Cmd: ['1'] } }),
      host.only({ config: { Cmd: ['2'] } }),
      host.only({ patchConfig: (config) => (config['architecture'] = 'mips') }),
    ];
    const platform = (architecture: string) => ({ os: 'linux', architecture });
    const ours = process.arch === 'x64' ? 'amd64' : process.arch;
    const many = host.layout.put(
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: INDEX_TYPE,
          manifests: [
            { ...foreign.descriptor, mediaType: MANIFEST_TYPE, platform: platform('mips') },
            { ...two.descriptor, platform: platform(ours) },
          ],
        }),
      ),
      INDEX_TYPE,
    );
    const manifests = [one.descriptor, many];
    writeFileSync(
      join(host.layout.dir, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests }),
    );
    await nodeExec.run({
      argv: ['tar', '-C', host.layout.dir, '-cf', at('many.tar'), '.'],
      env: { PATH: '/usr/bin:/bin' },
    });
    const keys = [one, two].map(({ manifest }) => manifest.config.digest.replace(':', '-'));
    expect(await load(at('many.tar'))).toEqual(keys);
  });
});
