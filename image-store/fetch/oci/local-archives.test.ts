import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ImageKey } from '#schema/types/image-hash';
import { codeOfAsync } from '../../../test/helpers/code-of.ts';
import { symlink, type TarEntry, tarOf } from '../../../test/helpers/hostile-tar.ts';
import { ARCHITECTURE } from '../../../test/helpers/oci-layout.ts';
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
    const { manifest } = host.only();
    const path = join(host.dir, 'image.tar');
    writeFileSync(path, pack(tarOf(...filesBelow(host.layout.dir))));
    const key = await host.fetch(`oci-archive:${path}:it`);

    expect(key).toBe(manifest.config.digest.replace(':', '-'));
    expect(host.store.record(key)?.name).toBe('image');
    expect(readdirSync(join(host.store.dir, 'tmp'))).toEqual([]);
  });

  it('names the archive that ends too early', async () => {
    const path = join(host.dir, 'cut.tar');
    writeFileSync(path, tarOf(...filesBelow(host.layout.dir)).subarray(0, 700));

    await expect(host.fetch(`oci-archive:${path}:it`)).rejects.toMatchObject({
      code: 'ARCHIVE_TRUNCATED',
      message: expect.stringMatching(
        /^cannot read image "oci-archive:.*cut.tar:it": it ends/,
      ) as string,
    });
  });

  it('takes what docker save writes', async () => {
    const config = JSON.stringify({
      os: 'linux',
      architecture: ARCHITECTURE,
      rootfs: { type: 'layers', diff_ids: host.only({ packing: 'plain' }).diffIds },
    });
    const saved = [
      { Config: 'c.json', RepoTags: ['busybox:1'], Layers: ['1/layer.tar', '2/layer.tar'] },
    ];
    const path = join(host.dir, 'saved.tar');
    const entries = [
      { path: 'manifest.json', body: JSON.stringify(saved) },
      { path: 'c.json', body: config },
      { path: 'x/layer.tar', body: BASE_LAYER },
      symlink('1/layer.tar', '../x/layer.tar'),
      { path: '2/layer.tar', body: TOP_LAYER },
    ];
    writeFileSync(path, tarOf(...entries));
    const keys = [
      await host.fetch(`docker-archive:${path}`),
      await host.fetch(`docker-archive:${path}:docker.io/library/busybox:1`),
    ];

    expect(keys[0]).toBe(keys[1]);
    expect(host.store.manifest(keys[0] as ImageKey)).toMatchObject({
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
    mkdirSync(join(host.dir, 'folder'));
    writeFileSync(join(host.dir, 'text'), 'x'.repeat(1000));

    expect(await codeOf(`oci-archive:${join(host.dir, name)}`)).toBe(code);
    expect(await codeOf(`docker-archive:${join(host.dir, name)}`)).toBe(code);
  });
});
