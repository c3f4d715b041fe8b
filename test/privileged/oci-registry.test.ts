import { renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { busyboxEntries, tarOf } from '../helpers/hostile-tar.ts';
import {
  ARCHITECTURE,
  INDEX_TYPE,
  makeLayout,
  type TestLayout,
  type WrittenImage,
} from '../helpers/oci-layout.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { configureLogin, startRegistry, type TestRegistry } from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { untilTheEnd } from '../helpers/until-the-end.ts';

const canRun = requires('root', 'overlay', 'mount-namespace', 'busybox', 'docker-registry');

const stack = untilTheEnd();
let context: PodContext;
let registry: TestRegistry;
let layout: TestLayout;
let images: { readonly one: WrittenImage; readonly two: WrittenImage };
beforeAll(async () => {
  if (!canRun) return;
  registry = stack.use(await startRegistry('basic'));
  context = stack.use(createPodContext());
  configureLogin(context.localConfig, registry.host);
  layout = makeLayout(join(context.workDir, 'layout'));
  const base = tarOf(...busyboxEntries('echo'));
  const config = { Entrypoint: ['/bin/echo'], Cmd: ['hello'] };
  images = {
    one: layout.image({ layers: [base, tarOf({ path: 'one', body: '1' })], config }),
    two: layout.image({ layers: [base, tarOf({ path: 'two', body: '2' })], config }),
  };
});

async function gantry(...args: readonly string[]): Promise<ExecResult> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SSL_CERT_FILE: registry.caFile };
  return await context.gantry(['--insecure-options=image', ...args], { env });
}

const push = async (repository: string, image: WrittenImage): Promise<void> =>
  void (await registry.push({ repository, tag: '1' }, image, layout));
const textOf = (repository: string): string => `docker://${registry.host}/${repository}:1`;
const keyOf = ({ manifest }: WrittenImage): string => manifest.config.digest.replace(':', '-');
const kept = (digest: string): string => {
  const name = digest.replace(':', '-');
  return join(context.dataDir, 'cas/blob', name.slice(0, 6), name.slice(7, 9), name);
};
const fetched = async (...args: readonly string[]): Promise<string> =>
  (await gantry('fetch', '--full', ...args)).stdout.toString().trim();

describe.runIf(canRun)('an image in a registry', () => {
  it('is run from behind an index, and not asked for again', async () => {
    const { descriptor } = images.one;
    const manifests = [{ ...descriptor, platform: { os: 'linux', architecture: ARCHITECTURE } }];
    const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests });
    await push('team/many', images.one);
    await registry.put(
      { repository: 'team/many', tag: '1', type: INDEX_TYPE },
      Buffer.from(index),
      [],
    );
    const first = await gantry('run', '--stage1-name=fly', textOf('team/many'), '--', 'again');
    expect(first).toMatchObject({ exitCode: 0, stdout: Buffer.from('again\n') });

    const blob = registry.blobPath(descriptor.digest);
    renameSync(blob, `${blob}.away`);
    const second = await gantry('run', '--stage1-name=fly', textOf('team/many'));
    renameSync(`${blob}.away`, blob);
    expect(second).toMatchObject({ exitCode: 0, stdout: Buffer.from('hello\n') });
    const list = await gantry('image', 'list', '--no-legend', '--fields=name');
    expect(list.stdout.toString()).toContain(`${registry.host}/team/many:1`);
  });

  it('is what its tag has come to mean, and only what is not there is brought', async () => {
    await push('team/moving', images.one);
    expect(await fetched(textOf('team/moving'))).toBe(keyOf(images.one));
    const shared = kept(images.one.manifest.layers[0]?.digest ?? '');
    const before = statSync(shared).ino;
    await push('team/moving', images.two);

    expect(await fetched('--pull-policy=new', textOf('team/moving'))).toBe(keyOf(images.one));
    expect(await fetched(textOf('team/moving'))).toBe(keyOf(images.two));
    expect(statSync(shared).ino).toBe(before);
  });

  it('keeps what came before a fetch failed', async () => {
    const late = layout.image({
      layers: [1, 2].map((at) => tarOf({ path: `late${at}`, body: `${at}` })),
    });
    await push('team/late', late);
    const [first = '', second = ''] = late.manifest.layers.map(({ digest }) => digest);
    const missing = registry.blobPath(second);
    renameSync(missing, `${missing}.away`);
    const failed = await gantry('fetch', textOf('team/late'));
    renameSync(`${missing}.away`, missing);
    expect(failed.exitCode).toBe(254);
    expect(failed.stderr).toContain(second);
    const before = statSync(kept(first)).ino;

    expect(await fetched(textOf('team/late'))).toBe(keyOf(late));
    expect(statSync(kept(first)).ino).toBe(before);
  });
});
