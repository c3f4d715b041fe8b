import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess } from '#base/exec/node-exec';
import { directory, hardLink, symlink, type TarEntry, tarOf } from '../helpers/hostile-tar.ts';
import { makeLayout } from '../helpers/oci-layout.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const file = (path: string, body = path, more: Partial<TarEntry> = {}): TarEntry => ({
  path,
  body,
  ...more,
});
const CAPABILITY = { 'SCHILY.xattr.user.a': 'b' };

const LOWER = tarOf(
  ...['same', 'gone', 'gone/sub', 'emptied', 'becomes-file', 'owned', 'untouched'].map(directory),
  ...['same/a', 'same/time', 'same/xattr', 'gone/sub/x', 'emptied/a', 'emptied/b'].map((path) =>
    file(path),
  ),
  file('becomes-file/inside'),
  file('becomes-dir'),
  symlink('link', 'same'),
  symlink('becomes-implied', 'same'),
  file('linked'),
  file('again/a'),
);
const UPPER = tarOf(
  directory('same/'),
  file('same/a'),
  file('same/time', 'same/time', { mtime: 7 }),
  file('same/xattr', 'same/xattr', { pax: CAPABILITY }),
  file('.wh.gone', ''),
  file('emptied/.wh..wh..opq', ''),
  file('emptied/b'),
  file('becomes-file'),
  directory('becomes-dir'),
  file('becomes-dir/inside'),
  symlink('link', 'other'),
  file('becomes-implied/inside'),
  hardLink('hard', 'same/a'),
  { ...directory('owned'), uid: 7 },
  { ...directory('untouched'), mtime: 9 },
  file('.wh.again', ''),
  file('again/b'),
  file('new/esc\u001b[31m\nA passwd'),
);
const CHANGES = [
  'D /again/a',
  'A /again/b',
  'C /again',
  'A /becomes-dir/inside',
  'C /becomes-dir',
  'D /becomes-file/inside',
  'C /becomes-file',
  'A /becomes-implied/inside',
  'C /becomes-implied',
  'D /emptied/a',
  'C /emptied',
  'D /gone',
  'A /hard',
  'C /link',
  'A /new',
  'A /new/esc\\x1b[31m\\x0aA passwd',
  'C /owned',
  'C /same',
  'C /same/time',
  'C /same/xattr',
];

let machine: PodContext;
const keys = { two: '', one: '', flat: '', cut: '', base: '', aci: '' };
beforeAll(async () => {
  machine = createPodContext();
  const layout = makeLayout(join(machine.workDir, 'layout'));
  const [lower, upper] = [LOWER, UPPER];
  const image = (...layers: readonly Buffer[]) => layout.image({ layers }).descriptor;
  const zstd = layout.image({ layers: [tarOf(file('a'))], packing: 'zstd' }).descriptor;
  // As umoci inserts: neither the padding of the last file nor an end mark.
  const cut = image(tarOf(file('a')), tarOf(file('b')).subarray(0, 512 + 'b'.length));
  layout.index({ two: image(lower, upper), one: image(lower), flat: zstd, cut });
  const fetch = async (name: string): Promise<string> => {
    const result = await machine.gantry([
      '--insecure-options=image',
      'fetch',
      '--pull-policy=new',
      name,
    ]);
    return demandSuccess(result, `fetch ${name}`).stdout.toString().trim();
  };
  const aci = async (name: string, bytes: Buffer): Promise<string> => {
    const path = join(machine.workDir, `${name}.aci`);
    writeFileSync(path, gzipSync(bytes));
    return await fetch(path);
  };
  keys.two = await fetch(`oci:${layout.dir}:two`);
  keys.one = await fetch(`oci:${layout.dir}:one`);
  keys.flat = await fetch(`oci:${layout.dir}:flat`);
  keys.cut = await fetch(`oci:${layout.dir}:cut`);
  keys.base = await aci(
    'base',
    tinyAci({ name: 'example.com/base', files: { a: '1', b: '2', c: '3' } }),
  );
  keys.aci = await aci(
    'app',
    tinyAci({
      name: 'example.com/app',
      files: { b: 'other', d: 'new', e: 'left out' },
      manifest: {
        dependencies: [{ imageName: 'example.com/base' }],
        pathWhitelist: ['/a', '/b', '/d'],
      },
    }),
  );
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

const diff = async (...args: readonly string[]): Promise<string> =>
  demandSuccess(await machine.gantry(['image', 'diff', ...args]), 'diff').stdout.toString();
const sorted = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => line !== '').toSorted();

describe('gantry image diff', () => {
  it('shows what the last layer changes: whiteouts, opaque directories, kinds, links', async () => {
    const lines = (await diff(keys.two)).split('\n');
    expect(sorted(lines)).toEqual(sorted(CHANGES));
    expect(lines.indexOf('C /same')).toBeLessThan(lines.indexOf('C /same/time'));
  });

  it('shows the same against the image below, and the other way round', async () => {
    expect(await diff(keys.two, keys.one)).toBe(await diff(keys.two));
    const back = (await diff(keys.one, keys.two)).split('\n');
    expect(back).toContain('A /gone/sub/x');
    expect(back).toContain('D /new');
    expect(await diff(keys.one, keys.one)).toBe('');
  });

  it('reads a layer that ends behind its last file', async () => {
    expect(await diff(keys.cut)).toBe('A /b\n');
  });

  it('prints JSON as podman does, names as they are', async () => {
    expect(JSON.parse(await diff('--format=json', keys.two))).toMatchObject({
      added: expect.arrayContaining(['/new/esc\u001b[31m\nA passwd']) as string[],
      deleted: ['/again/a', '/becomes-file/inside', '/emptied/a', '/gone'],
    });
    expect(JSON.parse(await diff('--format=json', keys.flat))).toEqual({
      changed: [],
      added: ['/a'],
      deleted: [],
    });
  });

  it('compares an ACI with what it depends on, whitelist obeyed', async () => {
    expect(await diff(keys.aci)).toBe('C /b\nA /d\n');
    expect(await diff(keys.aci, keys.base)).toBe('C /b\nD /c\nA /d\n');
  });

  it('leaves nothing behind, and refuses what is not there', async () => {
    expect(readdirSync(join(machine.dataDir, 'cas', 'tmp'))).toEqual([]);
    const { exitCode, stderr } = await machine.gantry([
      'image',
      'diff',
      keys.two,
      'example.com/no',
    ]);
    expect([exitCode, stderr]).toEqual([254, expect.stringContaining('cannot find image')]);
  });

  it('does not compare what was damaged', async () => {
    const record = JSON.parse(
      demandSuccess(
        await machine.gantry(['image', 'inspect', keys.flat]),
        'inspect',
      ).stdout.toString(),
    ) as readonly { readonly layers: readonly { readonly digest: string }[] }[];
    const name = record[0]?.layers[0]?.digest.replace(':', '-') ?? '';
    writeFileSync(
      join(machine.dataDir, 'cas/blob', name.slice(0, 6), name.slice(7, 9), name),
      gzipSync(tarOf(file('b'))),
    );
    const { exitCode, stderr } = await machine.gantry(['image', 'diff', keys.flat]);
    expect([exitCode, stderr]).toEqual([254, expect.stringContaining('has the digest')]);
  });
});
