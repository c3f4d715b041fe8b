import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { requires } from '../helpers/requires.ts';

const BASE = 'example.com/base';
const WEB = 'example.com/web';
const UNUSED = 'example.com/unused';
const MEGABYTE = 1024 * 1024;

interface Sizes {
  readonly size: number;
  readonly shared_size: number;
  readonly unique_size: number;
}
interface Kind extends Sizes {
  readonly kind: string;
  readonly count?: number;
  readonly active?: number;
  readonly reclaimable_size: number;
}
interface Usage {
  readonly summary: readonly Kind[];
  readonly images: readonly (Sizes & { readonly name: string; readonly pods: number })[];
  readonly pods: readonly (Sizes & { readonly pod_name?: string; readonly state: string })[];
}

describe.runIf(requires('root', 'overlay', 'busybox'))('gantry df', () => {
  let pods: FlyPods;
  let kept: string;
  beforeAll(async () => {
    pods = createFlyPods();
    await pods.add({ name: BASE, app: null, files: { 'data/base': 'b'.repeat(MEGABYTE) } });
    const manifest = { dependencies: [{ imageName: BASE }] };
    const files = { 'data/web': 'w'.repeat(MEGABYTE) };
    const web = await makeImage(pods.context.workDir, { name: WEB, manifest, files });
    // What it depends on is there; nobody is asked for a newer one.
    await gantry('fetch', '--insecure-options=image', '--pull-policy=new', web);
    await pods.add({ name: UNUSED });
    const write = ['--exec=/bin/sh', '--', '-c', 'head -c 1048576 /dev/zero >/written'];
    demandSuccess(await pods.run(['--pod-name=over', WEB, ...write]), 'run');
    const prepare = ['prepare', '--insecure-options=image', '--stage1-name=fly', '--pod-name=kept'];
    const { stdout } = demandSuccess(await pods.context.gantry([...prepare, WEB]), 'prepare');
    kept = stdout.toString().trim();
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const gantry = async (...args: readonly string[]): Promise<string> =>
    demandSuccess(await pods.context.gantry(args), args.join(' ')).stdout.toString();
  const df = async (): Promise<Usage> => JSON.parse(await gantry('df', '--format=json')) as Usage;
  const kindOf = ({ summary }: Usage, kind: string): Kind =>
    summary.find((each) => each.kind === kind) as Kind;
  const total = ({ summary }: Usage): number => summary.reduce((sum, { size }) => sum + size, 0);

  it('shares out all that the data directory takes, as du counts it', async () => {
    const usage = await df();
    const argv = ['du', '-sx', '--block-size=1', pods.context.dataDir] as const;
    const du = await nodeExec.run({ argv, env: { PATH: '/usr/bin:/bin' } });

    // The call itself may have touched the index.
    expect(Math.abs(total(usage) - Number.parseInt(du.stdout.toString(), 10))).toBeLessThan(50_000);
    for (const { size, shared_size: shared, unique_size: unique } of usage.summary) {
      expect(size).toBe(shared + unique);
    }
  });

  it('tells what images have in common and what pods have written', async () => {
    const { images, pods: listed } = await df();
    const image = (name: string): Usage['images'][number] =>
      images.find((each) => each.name === `${name}:1.0.0`) as Usage['images'][number];
    const pod = (name: string): Usage['pods'][number] =>
      listed.find((each) => each.pod_name === name) as Usage['pods'][number];

    expect(image(WEB).shared_size).toBe(image(BASE).shared_size);
    expect(image(BASE).shared_size).toBeGreaterThan(MEGABYTE);
    expect(image(WEB).unique_size).toBeGreaterThan(MEGABYTE);
    expect(image(UNUSED)).toMatchObject({ shared_size: 0, pods: 0 });
    expect([image(WEB).pods, image(BASE).pods]).toEqual([2, 0]);
    expect(pod('over')).toMatchObject({ state: 'exited' });
    expect(pod('over').unique_size).toBeGreaterThan(MEGABYTE);
    expect(pod('kept')).toMatchObject({ state: 'prepared' });
    expect(pod('kept').unique_size).toBeLessThan(MEGABYTE / 4);
    expect(pod('kept').shared_size).toBe(pod('over').shared_size);
  });

  it('prints tables for people', async () => {
    const summary = await gantry('df');
    expect(summary).toMatch(
      /^KIND +COUNT +ACTIVE +SIZE +SHARED +UNIQUE +RECLAIMABLE\nimages +4 +3 /,
    );
    expect(summary).toMatch(/^pods +2 +1 /m);
    expect(summary.trim().split('\n').length).toBe(6);

    const verbose = await gantry('df', '--verbose', '--no-legend', '--full');
    expect(verbose).toMatch(
      /^sha512-[0-9a-f]{64} {2}example\.com\/web:1\.0\.0 +\d+ +\d+ +\d+ +2$/m,
    );
    expect(verbose).toContain(`\n${kept}  kept  prepared  `);
    expect(verbose).not.toMatch(/[A-Z]{3}/);
    const listed = await gantry('image', 'list', '--fields=name,shared,unique', '--full');
    expect(listed).toMatch(/^NAME +SHARED +UNIQUE\n[^]*^example\.com\/web:1\.0\.0 +\d{7} +\d{7}$/m);
  });

  it('counts a pod that is broken, and what nobody knows', async () => {
    const manifest = join(pods.context.dataDir, 'pods', 'prepared', kept, 'pod');
    const text = readFileSync(manifest, 'utf8');
    const stray = join(pods.context.dataDir, 'stray');
    const before = kindOf(await df(), 'other').size;
    writeFileSync(manifest, text.slice(0, 20));
    writeFileSync(stray, 'x'.repeat(MEGABYTE));
    const usage = await df();
    writeFileSync(manifest, text);

    expect(kindOf(usage, 'pods')).toMatchObject({ count: 2, active: 1 });
    expect(kindOf(usage, 'other').size - before).toBeGreaterThanOrEqual(MEGABYTE);
  });

  it('says what the collections will free', async () => {
    const before = await df();
    await gantry('gc', '--grace-period=0s');
    await gantry('image', 'gc', '--grace-period=0s');
    const after = await df();

    for (const kind of ['images', 'trees', 'pods']) {
      const { size, reclaimable_size: reclaimable } = kindOf(before, kind);
      expect(kindOf(after, kind).size, kind).toBe(size - reclaimable);
      expect(kindOf(after, kind).reclaimable_size, kind).toBe(0);
    }
    expect(kindOf(before, 'pods').reclaimable_size).toBeGreaterThan(MEGABYTE);
    expect(kindOf(before, 'images').reclaimable_size).toBeGreaterThan(MEGABYTE);
  });
});
