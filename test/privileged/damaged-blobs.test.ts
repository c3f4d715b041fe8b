import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Tree } from '#image-store';
import { manifestPath } from '../../image-store/format/layout.ts';
import { treeManifestPath } from '../../image-store/tree/tree-paths.ts';
import type { TarEntry } from '../helpers/hostile-tar.ts';
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
