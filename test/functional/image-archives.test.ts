import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { tarOf } from '../helpers/hostile-tar.ts';
import { makeLayout, type TestLayout, type WrittenImage } from '../helpers/oci-layout.ts';
import { onTerminal } from '../helpers/on-terminal.ts';
import { type CallOptions, createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

let machine: PodContext;
let layout: TestLayout;
let images: { readonly one: WrittenImage; readonly two: WrittenImage };
let keys: { readonly one: string; readonly two: string };
beforeAll(async () => {
  machine = createPodContext();
  layout = makeLayout(at('layout'));
  const base = tarOf({ path: 'base', body: 'b'.repeat(100_000) });
  images = {
    one: layout.image({ layers: [base, tarOf({ path: 'one', body: '1' })] }),
    two: layout.image({ layers: [base, tarOf({ path: 'two', body: '2' })], packing: 'zstd' }),
  };
  layout.index({
    'r.example/team/one:1': images.one.descriptor,
    'r.example/team/two:2': images.two.descriptor,
  });
  keys = { one: await fetched('r.example/team/one:1'), two: await fetched('r.example/team/two:2') };
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

const at = (name: string): string => join(machine.workDir, name);
const fetched = async (name: string): Promise<string> =>
  out(await gantry(['fetch', '--full', `oci:${at('layout')}:${name}`])).trim();

async function gantry(args: readonly string[], options: CallOptions = {}): Promise<ExecResult> {
  return await machine.gantry(['--insecure-options=image', ...args], options);
}

const out = (result: ExecResult): string => {
  expect(result).toMatchObject({ exitCode: 0 });
  return result.stdout.toString();
};

async function skopeo(...args: readonly string[]): Promise<string> {
  const argv = ['skopeo', ...args] as const;
  const result = await nodeExec.run({ argv, env: { ...ENVIRONMENT, HOME: machine.workDir } });
  demandSuccess(result, argv.join(' '));
  return result.stdout.toString();
}

/** A store without images. */
async function emptyStore(): Promise<void> {
  const ids = out(await gantry(['image', 'list', '--no-legend', '--full', '--fields=id']));
  const all = ids.split('\n').filter(Boolean);
  if (all.length > 0) await gantry(['image', 'rm', ...all]);
}

describe.runIf(requires('root', 'oci-tools'))('gantry image save and load', () => {
  const both = (): string => `${keys.one}\n${keys.two}\n`;
  beforeEach(async () => {
    await fetched('r.example/team/one:1');
    await fetched('r.example/team/two:2');
  });

  it.each(['oci-archive', 'docker-archive'] as const)(
    'keeps two images in one %s, by file and by stream, packed too',
    async (format) => {
      const file = at(`two.${format}`);
      const save = ['image', 'save', `--format=${format}`];
      out(await gantry([...save, '-o', file, keys.one, keys.two]));
      const streamed = await gantry([...save, keys.one, keys.two], { maxOutput: 10_000_000 });
      expect(streamed.stdout.equals(readFileSync(file))).toBe(true);
      const config = await skopeo('inspect', '--config', `${format}:${file}:r.example/team/two:2`);
      expect(JSON.parse(config)).toMatchObject({ rootfs: { diff_ids: images.two.diffIds } });

      await emptyStore();
      expect(out(await gantry(['image', 'load', '--full', '-i', file]))).toBe(both());
      const listed = out(await gantry(['image', 'list', '--no-legend', '--fields=name']));
      expect(listed).toContain(`${format}:${file}:r.example/team/two:2`);
      const found = out(await gantry(['image', 'cat-manifest', 'r.example/team/two:2']));
      expect(JSON.parse(found)).toMatchObject({ name: 'r.example/team/two' });
      await emptyStore();
      const input = gzipSync(readFileSync(file));
      expect(out(await gantry(['image', 'load', '--full'], { input }))).toBe(both());
      await emptyStore();
      const twice = await gantry(['image', 'load', '--full', '-'], { input: readFileSync(file) });
      expect(out(twice)).toBe(both());
      expect(readdirSync(join(machine.dataDir, 'cas', 'tmp'))).toEqual([]);
    },
  );

  it('keeps what came: layers and manifests of an OCI archive are the same bytes', async () => {
    out(await gantry(['image', 'save', `--output=${at('same.tar')}`, keys.two]));
    const digest = await skopeo('inspect', '--format={{.Digest}}', `oci-archive:${at('same.tar')}`);
    expect(digest).toBe(`${images.two.descriptor.digest}\n`);
    out(await gantry(['image', 'export', keys.two, at('exported.tar')]));
    expect(readFileSync(at('exported.tar')).equals(readFileSync(at('same.tar')))).toBe(true);
  });

  it.each(['extract', 'render'])('gantry image %s places the files of all layers', async (verb) => {
    out(await gantry(['image', verb, keys.two, at(verb)]));
    expect(readdirSync(at(`${verb}/rootfs`)).toSorted()).toEqual(['base', 'two']);
    expect(readFileSync(at(`${verb}/manifest`), 'utf8')).toContain('r.example/team/two');
  });

  it('takes what skopeo made of several images', async () => {
    const archive = (name: string): string => `docker-archive:${at('skopeo.tar')}:${name}`;
    await skopeo('copy', '-q', `oci:${at('layout')}:r.example/team/one:1`, archive('x/one:1'));
    expect(out(await gantry(['image', 'load', '--full', at('skopeo.tar')]))).toBe(`${keys.one}\n`);
  });

  it.each([
    ['one', 'two'],
    ['two', 'one'],
  ] as const)(
    'finds of two images of one name, %s and %s, the one loaded last',
    async (...order) => {
      const archive = (name: string): string => at(`same-name-${name}.tar`);
      for (const name of order) {
        const target = `oci-archive:${archive(name)}:r.example/same:1`;
        out(await gantry(['push', '--overwrite', keys[name], target]));
      }
      await emptyStore();
      for (const name of order) out(await gantry(['image', 'load', archive(name)]));
      const dir = at(`last-${order[1]}`);
      out(await gantry(['image', 'extract', 'r.example/same:1', dir]));
      expect(readdirSync(join(dir, 'rootfs'))).toContain(order[1]);
    },
  );

  it('says of an image for another machine that it cannot run, as fetching it does', async () => {
    const foreign = makeLayout(at('foreign'));
    const { descriptor } = foreign.image({
      layers: [tarOf({ path: 'a', body: 'a' })],
      patchConfig: (config) => Object.assign(config, { architecture: 's390x' }),
    });
    foreign.index({ 'r.example/foreign:1': descriptor });
    const warning = /warning: image "r\.example\/foreign" is for linux\/s390x/;
    const brought = await gantry(['fetch', `oci:${at('foreign')}:r.example/foreign:1`]);
    expect(brought.stderr).toMatch(warning);
    out(await gantry(['image', 'save', '-o', at('foreign.tar'), 'r.example/foreign:1']));
    const loaded = await gantry(['image', 'load', at('foreign.tar')]);
    expect(loaded).toMatchObject({ exitCode: 0, stdout: brought.stdout });
    expect(loaded.stderr).toMatch(warning);
  });

  it('leaves it to the policy whether an image is taken', async () => {
    out(await gantry(['image', 'save', '-o', at('policy.tar'), keys.one]));
    await emptyStore();
    const refused = await machine.gantry(['image', 'load', at('policy.tar')]);
    expect(refused).toMatchObject({ exitCode: 254, stdout: Buffer.from('') });
    expect(refused.stderr).toMatch(/no policy|is rejected/);
    expect(out(await gantry(['image', 'list', '--no-legend']))).toBe('');
  });

  it('writes no archive over another, none of a damaged image, and nothing half', async () => {
    writeFileSync(at('mine.tar'), 'mine');
    const save = ['image', 'save', '-o', at('mine.tar'), keys.one];
    expect((await gantry(save)).stderr).toContain('use --overwrite');
    const [layer = ''] = images.one.manifest.layers.map(({ digest }) => digest.replace(':', '-'));
    const path = join(machine.dataDir, 'cas/blob/sha256', layer.slice(7, 9), layer);
    const good = readFileSync(path);
    writeFileSync(path, Buffer.alloc(good.length));
    const damaged = await gantry([...save, '--overwrite']);
    const docker = await gantry([...save, '--overwrite', '--format=docker-archive']);
    writeFileSync(path, good);
    for (const { exitCode, stderr } of [damaged, docker]) {
      expect(exitCode).toBe(254);
      expect(stderr).toMatch(/is damaged|cannot unpack layer/);
    }
    expect(readFileSync(at('mine.tar'), 'utf8')).toBe('mine');
    expect(readdirSync(machine.workDir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    out(await gantry([...save, '--overwrite']));
  });

  it.each([
    [['image', 'load', '/nowhere'], 'no such file or directory'],
    [['image', 'load', '/dev/null'], 'not a regular file'],
    [['image', 'load', 'a', 'b'], 'too many arguments'],
    [['image', 'load', '-i', 'a', 'b'], 'two files are given'],
    [['image', 'load'], 'it is empty'],
    [['image', 'save'], 'too few arguments'],
    [['image', 'save', 'nothing'], 'cannot find image "nothing"'],
    [['image', 'save', '--format=zip', 'nothing'], 'it is one of oci-archive, docker-archive'],
    [['image', 'save', '-x', 'nothing'], 'unknown flag -x'],
  ])('refuses %j', async (args, state) => {
    const refused = await gantry(args, { input: '' });
    expect(refused).toMatchObject({ exitCode: 254, stdout: Buffer.from('') });
    expect(refused.stderr).toContain(state);
  });

  it('refuses an archive without images, and one that names what it has not', async () => {
    writeFileSync(at('none.tar'), tarOf({ path: 'a', body: 'a' }));
    expect((await gantry(['image', 'load', at('none.tar')])).stderr).toContain(
      'it has neither an "index.json" nor a "manifest.json"',
    );
    const saved = [{ Config: '../../etc/passwd', RepoTags: null, Layers: [] }];
    writeFileSync(
      at('leads-out.tar'),
      tarOf({ path: 'manifest.json', body: JSON.stringify(saved) }),
    );
    expect((await gantry(['image', 'load', at('leads-out.tar')])).stderr).toContain(
      'it has no file "../../etc/passwd"',
    );
  });

  it('writes an ACI to standard output and to a file that is called "-"', async () => {
    writeFileSync(at('tiny.aci'), tinyAci({ name: 'example.com/tiny', files: { a: 'a' } }));
    const key = out(await gantry(['fetch', at('tiny.aci')])).trim();
    const streamed = await gantry(['image', 'export', key, '-']);
    expect(streamed.stdout.equals(readFileSync(at('tiny.aci')))).toBe(true);
    out(await gantry(['image', 'export', key, './-'], { cwd: machine.workDir }));
    expect(statSync(at('-')).size).toBe(statSync(at('tiny.aci')).size);
    const other = await gantry(['image', 'export', '--format=oci-archive', key, at('x')]);
    expect(other.stderr).toContain('an ACI cannot be written as an OCI archive');
    expect((await gantry(['image', 'save', key])).stderr).toContain('it is no OCI image');
  });

  it('sends no archive to a terminal, and reads none from it', async () => {
    for (const args of [
      ['image', 'save', keys.one],
      ['image', 'export', keys.one, '-'],
      ['image', 'load'],
    ]) {
      const session = onTerminal(machine.argv(...args));
      expect((await session.ended).exitCode).toBe(254);
      expect(session.shown()).toMatch(
        /cannot (?:write an archive to|read an archive from) the terminal/,
      );
    }
  });
});
