import {
  appendFileSync,
  copyFileSync,
  existsSync,
  globSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tree } from '#image-store';
import type { OciDigest } from '#schema/oci/digest';
import type { ImageKey } from '#schema/types/image-hash';
import { blobPath, manifestPath, ociBlobPath } from '../../image-store/format/layout.ts';
import { treeManifestPath } from '../../image-store/tree/tree-paths.ts';
import { type TarEntry, tarOf } from '../helpers/hostile-tar.ts';
import { type OciHost, openOciHost } from '../helpers/oci-host.ts';
import { requires } from '../helpers/requires.ts';
import { addImage, openTestStore } from '../helpers/test-store.ts';
import { makeTreeFixture, type TreeFixture } from '../helpers/tree-fixture.ts';

let fixture: TreeFixture;
beforeEach(() => {
  fixture = makeTreeFixture();
});
afterEach(() => {
  fixture.cleanUp();
});

const file = (path: string, body = path): TarEntry => ({ path: `rootfs/${path}`, body });
const names = (dir: string): readonly string[] => (existsSync(dir) ? readdirSync(dir) : []);

function replace(blob: string, from: string, to: string): void {
  const bytes = readFileSync(blob);
  bytes.write(to, bytes.indexOf(from), 'latin1');
  writeFileSync(blob, bytes);
}

/** What may happen to the archive of the image "a", whose whitelist drops the file "left-out". */
const DAMAGES: readonly (readonly [string, (blob: string) => void])[] = [
  ['the content of a file', (blob) => replace(blob, 'good content', 'evil content')],
  [
    'the content of a file that is left out',
    (blob) => replace(blob, 'left content', 'evil content'),
  ],
  ['the padding of a file', (blob) => replace(blob, 'good content\0', 'good content!')],
  ['the manifest', (blob) => replace(blob, '0.8.11', '0.8.12')],
  ['a header', (blob) => replace(blob, 'rootfs/kept', 'rootfs/evil')],
  ['more zeros behind its end', (blob) => appendFileSync(blob, Buffer.alloc(512))],
  ['fewer zeros behind its end', (blob) => truncateSync(blob, readFileSync(blob).length - 512)],
  ['half of it', (blob) => truncateSync(blob, readFileSync(blob).length / 2)],
  ['nothing', (blob) => truncateSync(blob, 0)],
];

describe.runIf(requires('root')).each(['a', 'above'])(
  'the image "%s", of a damaged archive',
  (name) => {
    it.each(DAMAGES)('is not used: %s', async (_, damage) => {
      fixture.add('a', {
        entries: [file('kept', 'good content'), file('left-out', 'left content')],
        pathWhitelist: ['/kept'],
      });
      fixture.add('above', { dependencies: ['a'] });
      const plan = fixture.plan(name);
      const [{ key, blob } = { key: '', blob: '' }] = plan.layers;
      damage(blob);
      const refusal = {
        code: 'IMAGE_CORRUPT',
        message: expect.stringContaining(`cannot use image ${key}: its blob now hashes to sha512-`),
        hint: expect.stringContaining('fetch it again'),
      };

      await expect(fixture.trees.render(plan)).rejects.toMatchObject(refusal);
      const before = names(fixture.dir);
      const dir = join(fixture.dir, 'extracted');
      await expect(fixture.trees.extract(plan, { dir })).rejects.toMatchObject(refusal);
      expect(names(fixture.dir)).toEqual(before);
      expect(names(join(fixture.cas, 'tree'))).toEqual([]);
      expect(names(join(fixture.cas, 'tmp'))).toEqual([]);
    });
  },
);

describe.runIf(requires('root'))('an archive that is just being taken in', () => {
  it('is not used when another file was put in its place', async () => {
    const dir = join(fixture.dir, 'store');
    // Asked for the time between the hashing and the moving.
    const clock = (): number => {
      for (const path of globSync(join(dir, 'tmp/ingest*/blob'))) {
        copyFileSync(path, `${path}.new`);
        replace(`${path}.new`, 'good content', 'evil content');
        renameSync(`${path}.new`, path);
      }
      return Date.now();
    };
    using store = openTestStore(dir, { clock });
    const { key } = await addImage(store, { name: 'a', files: { kept: 'good content' } });

    await expect(store.renderTree(key)).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      message: expect.stringContaining('its blob now hashes to sha512-'),
    });
  });
});

describe.runIf(requires('root'))('the manifest of an image', () => {
  const app = { exec: ['/bin/true'], user: '0', group: '0' };
  let dir: string;
  beforeEach(() => {
    dir = join(fixture.dir, 'store');
  });

  it('is compared with its copy before the image is rendered', async () => {
    using first = openTestStore(dir);
    const { key } = await addImage(first, { name: 'a', manifest: { app } });
    replace(manifestPath(dir, key), '/bin/true', '/bin/evil');
    first.close();
    using store = openTestStore(dir);

    await expect(store.renderTree(key)).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      message: expect.stringContaining(`cannot use image ${key}: the copy of its manifest`),
    });
    expect(names(join(dir, 'tree'))).toEqual([]);
  });

  it.each([
    ['its copy alone', false, 'the copy of its manifest does not say what the image says'],
    ['its configuration, too', true, 'its configuration now hashes to sha256-'],
  ])('of OCI is, too, where there has changed: %s', async (_, both, state) => {
    using host = openOciHost();
    host.only({ config: { Cmd: ['/bin/true'] } });
    const key = await host.fetch(`oci:${host.layout.dir}`);
    const { store } = host;
    replace(manifestPath(store.dir, key), '/bin/true', '/bin/evil');
    if (both) replace(blobPath(store.dir, key), '/bin/true', '/bin/evil');

    await expect(store.renderTree(key)).rejects.toMatchObject({
      code: 'IMAGE_CORRUPT',
      message: expect.stringContaining(`cannot use image ${key}: ${state}`),
    });
    expect(store.trees.find(store.treePlan(key).id)).toBeUndefined();
  });

  it('is compared with that of its tree', async () => {
    using store = openTestStore(dir);
    const { key } = await addImage(store, { name: 'a', manifest: { app } });
    const tree = await store.renderTree(key);
    await store.trees.verifyDeep(tree, store.manifest(key));
    const changed = { code: 'TREE_CHANGED', message: expect.stringContaining('its manifest') };

    for (const text of ['', readFileSync(manifestPath(dir, key), 'utf8').replace('true', 'evil')]) {
      writeFileSync(treeManifestPath(tree.dir), text);
      const found = store.trees.find(tree.id) as Tree;
      await expect(store.trees.verifyDeep(found, store.manifest(key))).rejects.toMatchObject(
        changed,
      );
    }
  });
});

describe.runIf(requires('root')).each(['plain', 'gzip'] as const)(
  'a damaged layer of an OCI image, %s',
  (packing) => {
    const base = tarOf({ path: 'base', body: 'good content '.repeat(1000) });
    const layers = [base];
    let host: OciHost;
    beforeEach(() => {
      host = openOciHost();
    });
    afterEach(() => {
      host[Symbol.dispose]();
    });

    /** Changes a byte of the lowest layer. */
    function damageLayer(key: ImageKey): void {
      const digest = host.store.record(key)?.oci?.layers[0]?.digest as OciDigest;
      const path = ociBlobPath(host.store.dir, digest);
      const bytes = readFileSync(path);
      const at = packing === 'plain' ? bytes.indexOf('good content') : bytes.length >> 1;
      bytes[at] = (bytes[at] as number) ^ 1;
      writeFileSync(path, bytes);
    }

    it('is told from one that was built wrongly, and fetched again', async () => {
      const written = host.layout.image({ layers, packing });
      host.layout.index({ it: written.descriptor });
      const key = await host.fetch(`oci:${host.layout.dir}`);
      rmSync(join(host.store.dir, 'tree'), { recursive: true });
      damageLayer(key);
      const refusal = {
        code: 'IMAGE_CORRUPT',
        message: expect.stringMatching(`cannot use image ${key}: its layer sha256:.* is damaged`),
        hint: 'fetch it again',
      };
      const dir = join(host.dir, 'extracted');

      await expect(host.store.renderTree(key)).rejects.toMatchObject(refusal);
      await expect(
        host.store.trees.extract(host.store.treePlan(key), { dir }),
      ).rejects.toMatchObject(refusal);
      expect(await host.fetch(`oci:${host.layout.dir}`)).toBe(key);
      await host.store.verifyBlobs(key);
      await host.store.renderTree(key);
    });

    it('is fetched again for an image that was removed, though another has its tree', async () => {
      const two = [...layers, tarOf({ path: 'top', body: 'top' })];
      host.layout.index({
        one: host.layout.image({ layers, packing }).descriptor,
        two: host.layout.image({ layers: two, packing }).descriptor,
      });
      const key = await host.fetch(`oci:${host.layout.dir}:one`);
      const other = await host.fetch(`oci:${host.layout.dir}:two`);
      damageLayer(key);
      await expect(host.store.verifyBlobs(key)).rejects.toMatchObject({ code: 'IMAGE_CORRUPT' });

      await host.store.remove(key);
      await host.fetch(`oci:${host.layout.dir}:one`);
      await host.store.verifyBlobs(key);
      await host.store.verifyBlobs(other);
    });
  },
);
