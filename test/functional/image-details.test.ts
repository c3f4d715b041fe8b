import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess } from '#base/exec/node-exec';
import { tarOf } from '../helpers/hostile-tar.ts';
import { makeLayout, type WrittenImage } from '../helpers/oci-layout.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { tinyAci } from '../helpers/tiny-aci.ts';

const HISTORY = [
  { created: '2026-01-02T03:04:05Z', created_by: 'ADD base.tar /' },
  { created: '2026-01-02T03:04:06Z', created_by: 'ENV A=b', empty_layer: true },
  { created: '2026-01-02T03:04:07Z', created_by: `RUN ${'x'.repeat(200)}`, comment: 'why' },
];

let machine: PodContext;
let image: WrittenImage;
const keys = { oci: '', short: '', aci: '' };
beforeAll(async () => {
  machine = createPodContext();
  const layout = makeLayout(join(machine.workDir, 'layout'));
  const layers = [tarOf({ path: 'a', body: 'a' }), tarOf({ path: 'b', body: 'b' })];
  image = layout.image({ layers, patchConfig: (config) => (config['history'] = HISTORY) });
  const short = layout.image({
    layers: [...layers, tarOf({ path: 'c', body: 'c' })],
    patchConfig: (config) => (config['history'] = HISTORY),
  });
  layout.index({ whole: image.descriptor, short: short.descriptor });
  const aci = join(machine.workDir, 'a.aci');
  writeFileSync(aci, gzipSync(tinyAci({ name: 'example.com/a' })));
  keys.oci = await fetch(`oci:${layout.dir}:whole`);
  keys.short = await fetch(`oci:${layout.dir}:short`);
  keys.aci = await fetch(aci);
});
afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

async function fetch(name: string): Promise<string> {
  const result = await machine.gantry(['--insecure-options=image', 'fetch', name]);
  return demandSuccess(result, `fetch ${name}`).stdout.toString().trim();
}
const ask = async (...args: readonly string[]): Promise<string> =>
  demandSuccess(await machine.gantry(['image', ...args]), args.join(' ')).stdout.toString();

describe('gantry image history', () => {
  it('shows what the configuration says, the last step first', async () => {
    const rows = (await ask('history', keys.oci)).split('\n');
    expect(
      rows.slice(1, 4).map((row) => row.split('  ').filter(Boolean).at(2)?.trim().slice(0, 8)),
    ).toEqual(['RUN xxxx', 'ENV A=b', 'ADD base']);
    expect(rows[1]).toMatch(/x…  why$/);

    const steps = JSON.parse(await ask('history', '--format=json', keys.oci)) as unknown[];
    const [lower, upper] = image.manifest.layers.map(({ size }) => size);
    expect(steps).toMatchObject([
      { created_by: HISTORY[2]?.created_by, comment: 'why', size: upper },
      { created_by: 'ENV A=b', size: 0 },
      { created: 1_767_323_045_000_000_000, created_by: 'ADD base.tar /', size: lower },
    ]);
  });

  it('does not guess which step made which layer', async () => {
    const steps = JSON.parse(await ask('history', '--format=json', keys.short)) as {
      size?: number;
      comment: string;
    }[];
    expect(steps).toHaveLength(6);
    expect(steps.slice(0, 3).every(({ comment }) => comment.startsWith('sha256:'))).toBe(true);
    expect(steps.slice(3).map(({ size }) => size)).toEqual([undefined, 0, undefined]);
  });

  it('shows of an ACI what it is made of', async () => {
    expect(JSON.parse(await ask('history', '--format=json', keys.aci))).toMatchObject([
      { created_by: 'example.com/a', comment: expect.stringContaining('a.aci') as string },
    ]);
  });
});

describe('gantry image inspect', () => {
  it('tells all of images of either kind', async () => {
    const [oci, aci] = JSON.parse(await ask('inspect', keys.oci, keys.aci)) as object[];
    expect(oci).toMatchObject({
      name: expect.stringContaining('layout:whole') as string,
      accepted: { how: 'insecure' },
      manifest_digest: image.descriptor.digest,
      layers: image.manifest.layers.map(({ digest, size }, index) => ({
        digest,
        size,
        diff_id: image.diffIds[index],
      })),
      config: { os: 'linux', history: HISTORY },
      manifest: { acKind: 'ImageManifest' },
    });
    expect(aci).toMatchObject({
      name: 'example.com/a',
      made_of: [expect.stringContaining(keys.aci)],
    });
    expect(aci).not.toHaveProperty('config');
  });

  it('refuses what is not there', async () => {
    const { exitCode, stderr } = await machine.gantry(['image', 'inspect', 'example.com/none']);
    expect([exitCode, stderr]).toEqual([254, expect.stringContaining('cannot find image')]);
  });
});
