import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../test/helpers/image-maker.ts';
import { type LayoutImage, makeLayout, type TestLayout } from '../test/helpers/oci-layout.ts';
import {
  configureLogin,
  REGISTRY_LOGIN,
  startRegistry,
  type TestRegistry,
} from '../test/helpers/registry.ts';
import { cosign, cosignPayload, makeSigstoreKey } from '../test/helpers/sigstore.ts';
import { startAfresh } from './afresh.ts';
import type { BenchContext } from './context.ts';
import { compare, ENVIRONMENT, peakMemory, type TimedCommand } from './measure.ts';
import { ms, type Row } from './row.ts';
import { rootfsTar } from './start.ts';
import { type BenchStore, prepareStore } from './store.ts';

const RUNS = 5;
const SHORT_RUNS = 20;
const LAYERS = 8;
const FILES = 20_000;
const MEGABYTES = 300;
const REPOSITORY = 'bench/large';

/** An image in a registry on this machine: pulled, verified and made ready, against podman and skopeo with umoci. */
export async function* measureOci(context: BenchContext): AsyncGenerator<Row> {
  const { work } = context;
  await using registry = await startRegistry('basic');
  const image = `${registry.host}/${REPOSITORY}:1`;
  const layout = makeLayout(join(work, 'layout'));
  await pushSigned({ registry, repository: REPOSITORY }, layout, {
    layers: await makeLayers(work),
  });
  const store = await prepareStore(context, { SSL_CERT_FILE: registry.caFile });
  await trustSigned(store, registry, work);
  yield await measureRun({ registry, store, layout, work });

  const ours: TimedCommand = {
    ...store.command('prepare', '--quiet', '--stage1-name=fly', `docker://${image}`),
    before: () => startAfresh(store.dataDir),
  };

  const bounds = { unit: '×', must: 1, reach: 0.6 } as const;
  const what = `pull ${MEGABYTES} MB of ${LAYERS} layers, verify, make ready`;
  for (const [name, theirs] of Object.entries(peers(registry, image, work))) {
    const result = await compare(ours, theirs, RUNS);
    yield {
      what: `${what} : ${name}`,
      ours: ms(result.ours),
      theirs: ms(result.theirs),
      value: result.ratio,
      ...bounds,
    };
  }

  const peak = await peakMemory(ours);
  const memory = { unit: 'MB', theirs: '', must: 200, reach: 120 } as const;
  yield { what: 'peak memory of that', ours: `${peak.toFixed(0)} MB`, value: peak, ...memory };
}

interface RunBench {
  readonly registry: TestRegistry;
  readonly store: BenchStore;
  readonly layout: TestLayout;
  readonly work: string;
}

/** A cached OCI image against an ACI of the same file system. */
async function measureRun({ registry, store, layout, work }: RunBench): Promise<Row> {
  const folder = join(work, 'small');
  mkdirSync(folder);
  const aci = await makeImage(folder, { name: 'gantry.example/bench/small' });
  await store.key.signDetached(aci, `${aci}.asc`);
  await store.run('fetch', aci);
  const repository = 'bench/small';
  const layers = [readFileSync(await rootfsTar(aci, folder))];
  await pushSigned({ registry, repository }, layout, { layers });
  const reference = `docker://${registry.host}/${repository}:1`;
  await store.run('fetch', reference);
  const run = (image: string): TimedCommand => store.command('run', '--stage1-name=fly', image);
  const result = await compare(run(reference), run('gantry.example/bench/small'), SHORT_RUNS);

  return {
    what: 'run fly, an OCI image : an ACI',
    ours: ms(result.ours),
    theirs: ms(result.theirs),
    value: result.ratio,
    unit: '×',
    must: 1.1,
    reach: 1,
  };
}

/** Archives of files that compress by about a quarter, as programs do. */
async function makeLayers(work: string): Promise<readonly Buffer[]> {
  const bytes = Math.floor((MEGABYTES * 1024 * 1024 * 3) / 4 / FILES);
  const layers: Buffer[] = [];
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const root = join(work, 'root');
    const folder = join(root, 'data', `layer-${layer}`);
    mkdirSync(folder, { recursive: true });
    mkdirSync(join(root, 'bin'));
    copyFileSync('/bin/busybox', join(root, 'bin', 'true'));
    for (let file = 0; file < FILES / LAYERS; file += 1) {
      writeFileSync(join(folder, `f${file}`), randomBytes(bytes).toString('base64'));
    }
    const archive = join(work, 'layer.tar');
    const argv = ['tar', '-C', root, '-cf', archive, '.'] as const;
    demandSuccess(await nodeExec.run({ argv, env: ENVIRONMENT }), 'pack a layer');
    layers.push(readFileSync(archive));
    rmSync(root, { recursive: true });
    rmSync(archive);
  }

  return layers;
}

const KEY = makeSigstoreKey();

async function pushSigned(
  { registry, repository }: { readonly registry: TestRegistry; readonly repository: string },
  layout: TestLayout,
  image: LayoutImage,
): Promise<void> {
  const place = { repository, tag: '1' };
  const digest = await registry.push(
    place,
    layout.image({ ...image, config: { Cmd: ['/bin/true'] } }),
    layout,
  );
  const payload = cosignPayload(digest, `${registry.host}/${repository}`);
  const config = Buffer.from('{}');
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: layout.put(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [
      {
        ...layout.put(payload, 'application/vnd.dev.cosign.simplesigning.v1+json'),
        annotations: { 'dev.cosignproject.cosign/signature': cosign(payload, KEY) },
      },
    ],
  };
  const tag = `${digest.replace(':', '-')}.sig`;
  await registry.put({ repository, tag }, Buffer.from(JSON.stringify(manifest)), [config, payload]);
}

async function trustSigned(store: BenchStore, registry: TestRegistry, work: string): Promise<void> {
  const key = join(work, 'cosign.pub');
  writeFileSync(key, KEY.pem);
  await store.run('trust', '--skip-fingerprint-review', `--registry=${registry.host}`, key);
  configureLogin(join(work, 'etc'), registry.host);
}

function peers(
  registry: TestRegistry,
  image: string,
  work: string,
): Readonly<Record<string, TimedCommand>> {
  const certificates = join(work, 'certificates');
  mkdirSync(certificates);
  copyFileSync(registry.caFile, join(certificates, 'ca.crt'));
  const login = `${REGISTRY_LOGIN.user}:${REGISTRY_LOGIN.password}`;
  const folder = join(work, 'peer');
  const before = (): void => {
    startAfresh(folder);
    mkdirSync(folder);
  };
  const podman = ['podman', '--root', join(folder, 'root'), '--runroot', join(folder, 'run')];
  const copy = `skopeo copy --quiet --src-cert-dir=${certificates} --src-creds=${login} docker://${image} oci:${folder}/layout:1`;
  const unpack = `umoci unpack --image ${folder}/layout:1 ${folder}/bundle`;

  return {
    'podman pull': {
      argv: [
        'podman',
        ...podman.slice(1),
        'pull',
        '--quiet',
        `--cert-dir=${certificates}`,
        `--creds=${login}`,
        image,
      ],
      before,
    },
    'skopeo copy; umoci unpack': { argv: ['sh', '-c', `${copy} && ${unpack}`], before },
  };
}
