import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { openLayers, type Tree } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { directory, hardLink, symlink, type TarEntry, tarOf } from '../helpers/hostile-tar.ts';
import { type OciHost, openOciHost } from '../helpers/oci-host.ts';
import { makeLayout } from '../helpers/oci-layout.ts';
import { requires } from '../helpers/requires.ts';
import { snapshot } from '../helpers/tree-fixture.ts';

const canRender = requires('root', 'overlay', 'mount-namespace');

let host: OciHost;
beforeAll(() => {
  host = openOciHost();
});
afterAll(() => {
  host[Symbol.dispose]();
});

const file = (path: string, more: Partial<TarEntry> = {}): TarEntry => ({
  path,
  body: path,
  ...more,
});
const gone = (path: string): TarEntry => ({ path });

/** Brings an image of these layers. */
async function bring(...layers: readonly (readonly TarEntry[])[]): Promise<ImageKey> {
  const layout = makeLayout(mkdtempSync(join(host.dir, 'layout-')));
  const archives = layers.map((entries) => tarOf(...entries));
  layout.index({ it: layout.image({ layers: archives }).descriptor });
  return await host.fetch(`oci:${layout.dir}`);
}

/** What a pod sees of an image: its trees one over the other. */
function seen(tree: Tree): Readonly<Record<string, unknown>> {
  const target = mkdtempSync(join(host.dir, 'seen-'));
  {
    using layers = openLayers(host.store.trees.attach(tree));
    kernel.mount({
      source: 'overlay',
      target,
      fstype: 'overlay',
      flags: 1,
      data: `lowerdir=${layers.option}`,
    });
  }
  try {
    return snapshot(target);
  } finally {
    kernel.unmount(target);
  }
}

const names = (tree: Tree): readonly string[] => Object.keys(seen(tree)).sort();

function inside(folder: string, entry: TarEntry): TarEntry {
  const within = (path: string): string => `${folder}/${path.replace(/^\//, '')}`;
  const isHardLink = entry.flag === '1';

  return {
    ...entry,
    path: within(entry.path),
    ...(isHardLink ? { linkPath: within(entry.linkPath ?? '') } : {}),
  };
}

/** Layers placed one over the other, and a copy of the trees, look as the pod sees the trees. */
async function demandSame(key: ImageKey, tree: Tree): Promise<void> {
  const folder = mkdtempSync(join(host.dir, 'same-'));
  const rendered = join(folder, 'rendered');
  await host.store.trees.extract(host.store.treePlan(key), { dir: rendered, rootfsOnly: true });
  await host.store.trees.copyTo(tree, join(folder, 'copy'));

  expect(snapshot(rendered)).toEqual(seen(tree));
  expect(snapshot(join(folder, 'copy'))).toEqual(seen(tree));
  await host.store.trees.verifyDeep(tree);
}

/** Layers and what is to be there in the end. */
const CASES: readonly (readonly [string, readonly (readonly TarEntry[])[], readonly string[]])[] = [
  [
    'what a later layer adds and replaces',
    [
      [file('a'), file('d/x')],
      [file('a', { body: 'new' }), file('d/y')],
    ],
    ['a', 'd', 'd/x', 'd/y'],
  ],
  ['no file that is taken away', [[file('a'), file('b')], [gone('.wh.a')]], ['b']],
  ['no directory that is taken away', [[file('d/e/x'), file('b')], [gone('.wh.d')]], ['b']],
  [
    'nothing that is taken away where nothing is',
    [[file('b')], [gone('.wh.a'), gone('d/.wh.x')]],
    ['b', 'd'],
  ],
  [
    'only what is new in an opaque directory',
    [
      [file('d/x'), file('d/e/y')],
      [directory('d'), gone('d/.wh..wh..opq'), file('d/z')],
    ],
    ['d', 'd/z'],
  ],
  [
    'the same when the mark comes last',
    [[file('d/x')], [directory('d'), file('d/z'), gone('d/.wh..wh..opq')]],
    ['d', 'd/z'],
  ],
  ['the same without an entry for the directory', [[file('d/x')], [gone('d/.wh..wh..opq')]], ['d']],
  [
    'what takes the place of what is taken away',
    [[file('d/x')], [gone('.wh.d'), file('d', { body: 'f' })]],
    ['d'],
  ],
  ['the same in another order', [[file('d/x')], [file('d', { body: 'f' }), gone('.wh.d')]], ['d']],
  [
    'a new directory in the place of one that is taken away',
    [[file('d/x')], [gone('.wh.d'), directory('d'), file('d/n')]],
    ['d', 'd/n'],
  ],
  ['the same, made by what is in it', [[file('d/x')], [gone('.wh.d'), file('d/n')]], ['d', 'd/n']],
  [
    'the same, taken away last',
    [
      [file('d/x'), file('d/e/y')],
      [file('d/e/n'), gone('.wh.d')],
    ],
    ['d', 'd/e', 'd/e/n'],
  ],
  [
    'a directory in the place of a link',
    [[directory('usr'), symlink('lib', 'usr')], [file('lib/x')]],
    ['lib', 'lib/x', 'usr'],
  ],
  [
    'a link in the place of a directory',
    [[file('d/x')], [gone('.wh.d'), symlink('d', '/etc')]],
    ['d'],
  ],
  [
    'what comes back in a later layer',
    [[file('d/x')], [gone('.wh.d')], [file('d/y')]],
    ['d', 'd/y'],
  ],
  [
    'both names of a file',
    [[file('a'), hardLink('b', 'a'), hardLink('c', '/a')], [gone('.wh.a')]],
    ['b', 'c'],
  ],
  ['paths with a slash in front', [[file('/a'), directory('./d/')], [gone('/.wh.a')]], ['d']],
  [
    'nothing of what AUFS kept for itself',
    [[file('.wh..wh.plnk/1.2'), gone('.wh..wh.aufs'), file('a')]],
    ['a'],
  ],
  ['one layer several times', [[file('a')], [gone('.wh.a')], [file('a')]], ['a']],
];

describe.runIf(canRender)('the trees of an OCI image', () => {
  /** All cases in one image, each in a directory of its own. */
  const shown: Record<string, readonly string[]> = {};
  beforeAll(async () => {
    const layers = [0, 1, 2].map((at) =>
      CASES.flatMap(([, entries], index) =>
        (entries[at] ?? []).map((entry) => inside(`case${index}`, entry)),
      ),
    );
    const key = await bring(...layers);
    const tree = await host.store.renderTree(key);
    const all = names(tree);
    for (const index of CASES.keys()) {
      shown[index] = all
        .flatMap((path) => /^case(\d+)\/(.*)$/.exec(path)?.slice(1) ?? [])
        .flatMap((part, at, parts) =>
          at % 2 === 1 && parts[at - 1] === String(index) ? part : [],
        );
    }

    await demandSame(key, tree);
  });

  it.each(CASES.map(([what, , expected], index) => ({ what, expected, index })))(
    'show $what',
    ({ expected, index }) => {
      expect(shown[index]).toEqual(expected);
    },
  );

  it('show only what is new in an opaque root, and one layer that comes twice', async () => {
    const again = [file('/a'), directory('./d/')];
    const key = await bring(
      [file('x'), file('d/y')],
      again,
      [gone('.wh..wh..opq'), file('z'), gone('/.wh.a')],
      again,
    );
    const tree = await host.store.renderTree(key);

    expect(names(tree)).toEqual(['.', 'a', 'd', 'z']);
    await demandSame(key, tree);
  });

  it('are one empty directory without layers', async () => {
    const { rootfs, layers } = await host.store.renderTree(await bring());

    expect(layers).toEqual([]);
    expect(Object.keys(snapshot(rootfs))).toEqual(['.']);
  });

  it('show directories as the layer says that has an entry for them', async () => {
    const tmp = { path: 'var/tmp', flag: '5', mode: 0o1777, uid: 3, gid: 4, mtime: 5 };
    const attributes = { 'SCHILY.xattr.user.note': 'kept' };
    const tree = await host.store.renderTree(
      await bring(
        [
          { path: './', flag: '5', mode: 0o750, uid: 1, gid: 2, mtime: 9 },
          directory('var'),
          { ...tmp, pax: attributes },
        ],
        [file('var/tmp/x'), file('new/x')],
        [gone('var/tmp/.wh.x'), file('var/tmp/y')],
      ),
    );

    const found = seen(tree);
    expect(found['.']).toMatchObject({ mode: '40750', owner: '1:2', modified: 9_000_000_000n });
    expect(found['var/tmp']).toMatchObject({
      mode: '41777',
      owner: '3:4',
      modified: 5_000_000_000n,
      attributes: [`user.note=${Buffer.from('kept').toString('hex')}`],
    });
    expect(found['new']).toMatchObject({ mode: '40755', owner: '0:0' });
  });

  it('keep owners, modes, times, links, devices and capabilities', async () => {
    const capability = Buffer.from('0100000202000000000000000000000000000000', 'hex');
    const tree = await host.store.renderTree(
      await bring([
        file('set', { mode: 0o4755, uid: 1, gid: 2, mtime: 7 }),
        { path: 'null', flag: '3', mode: 0o666, device: [1, 3] },
        { path: 'fifo', flag: '6', mode: 0o600 },
        file('cap', { pax: { 'SCHILY.xattr.security.capability': capability } }),
        symlink('link', '../../etc/passwd'),
        hardLink('other', 'set'),
      ]),
    );

    const found = seen(tree);
    expect(found['set']).toMatchObject({ mode: '104755', owner: '1:2', modified: 7_000_000_000n });
    expect(found['other']).toMatchObject({ sameAs: 'other' });
    expect(found['set']).toMatchObject({ sameAs: 'other' });
    expect(found['null']).toMatchObject({ mode: '20666', device: 259n });
    expect(found['fifo']).toMatchObject({ mode: '10600' });
    expect(found['link']).toMatchObject({ target: '../../etc/passwd' });
    expect(found['cap']).toMatchObject({
      attributes: [`security.capability=${capability.toString('hex')}`],
    });
  });

  it('hold the whole of a layer that ends behind its last file, as umoci inserts it', async () => {
    const layout = makeLayout(mkdtempSync(join(host.dir, 'layout-')));
    const whole = tarOf(file('a'), { path: 'b', body: 'last' });
    const endMark = 1024;
    const cut = whole.subarray(0, whole.length - endMark - (512 - 'last'.length));
    layout.index({ it: layout.image({ layers: [cut] }).descriptor });
    const key = await host.fetch(`oci:${layout.dir}`);
    const tree = await host.store.renderTree(key);

    expect(names(tree)).toEqual(['.', 'a', 'b']);
    await demandSame(key, tree);
  });

  it('have the trees of their layers from the time when those were taken in', async () => {
    const key = await bring([file('taken-in')]);
    const made = host.store.trees.list().filter(({ name }) => name.startsWith('layer-'));

    const { layers } = await host.store.renderTree(key);
    const own = layers.map(({ id }) => id);
    expect(made.map(({ name }) => name)).toEqual(expect.arrayContaining([...own]));
    expect(own).toHaveLength(1);
  });

  it('share the trees of layers, and are made again where one was changed', async () => {
    const trees = (): readonly string[] => readdirSync(join(host.store.dir, 'tree'));
    const others = trees().length;
    const one = await host.store.renderTree(await bring([file('a')], [file('b')]));
    const layer = one.layers[0];
    const before = statSync(layer?.rootfs ?? '').ino;
    const two = await host.store.renderTree(await bring([file('a')], [file('c')]));

    expect(trees()).toHaveLength(others + 2 + 3);
    expect(statSync(two.layers[0]?.rootfs ?? '').ino).toBe(before);

    writeFileSync(join(layer?.rootfs ?? '', 'a'), 'changed');
    expect(() => host.store.trees.checkFast(one)).toThrow(/"a" was changed/);
    await host.store.trees.discard(one.id);
    expect(names(await host.store.renderTree(one.key))).toEqual(['.', 'a', 'b']);
    expect(names(await host.store.renderTree(two.key))).toEqual(['.', 'a', 'c']);
  });

  it('go with their last image, and stay as long as a pod lies over them', async () => {
    const one = await host.store.renderTree(await bring([file('g')], [file('b')]));
    const two = await host.store.renderTree(await bring([file('g')], [file('c')]));
    const trees = (): readonly string[] => readdirSync(join(host.store.dir, 'tree')).sort();
    const [shared = ''] = one.layers.map(({ id }) => id);

    await host.store.gc({
      graceMs: 0,
      inUse: () => ({ images: new Set(), trees: new Set([two.id]) }),
    });
    expect(trees()).toEqual([two.id, ...two.layers.map(({ id }) => id)].sort());
    expect(host.store.list().map(({ key }) => key)).toEqual([two.key]);
    expect(trees()).toContain(shared);

    await host.store.gc({ graceMs: 0, inUse: () => ({ images: new Set(), trees: new Set() }) });
    expect(trees()).toEqual([]);
  });

  it('stack up as many layers as images have', () => {
    const lowers = Array.from({ length: 200 }, (_, index) => {
      const lower = join(host.dir, 'many', `layer-sha256-${'0'.repeat(64)}-${index}`);
      mkdirSync(lower, { recursive: true });
      writeFileSync(join(lower, 'last'), `${index}`);
      return lower;
    });
    const target = join(host.dir, 'many');
    using layers = openLayers(lowers);
    const data = `lowerdir=${layers.option}`;
    kernel.mount({ source: 'overlay', target, fstype: 'overlay', flags: 1, data });
    try {
      expect(readFileSync(join(target, 'last'), 'utf8')).toBe('0');
    } finally {
      kernel.unmount(target);
    }
  });
});
