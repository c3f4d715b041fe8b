import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeImage } from '../test/helpers/image-maker.ts';
import { startAfresh } from './afresh.ts';
import type { BenchContext } from './context.ts';
import { compare, ENVIRONMENT, peakMemory, type TimedCommand } from './measure.ts';
import { ms, type Row } from './row.ts';
import { type BenchStore, prepareStore } from './store.ts';

const RUNS = 5;
const MEBIBYTE = 1024 * 1024;

/** A signed image over loopback HTTPS: fetched, verified, kept and rendered, against gpg and tar; then its memory. */
export async function* measureFetch(context: BenchContext): AsyncGenerator<Row> {
  const { work } = context;
  const served = join(work, 'served');
  mkdirSync(served);
  const tls = await makeCertificate(work);
  const store = await prepareStore(context, { SSL_CERT_FILE: tls.certificate });
  using server = startServer(context, served, tls);
  const port = await server.port;

  const image = await makeBigImage(served, { megabytes: 100, files: 5000 });
  await store.key.signDetached(image, `${image}.asc`);
  const fetched = fetchCommand(store, `https://127.0.0.1:${port}/${image.split('/').at(-1)}`);
  const result = await compare(fetched, await gpgAndTar(store, image, work), RUNS);
  yield {
    what: 'fetch, verify, keep, render 100 MB : gpg --verify; tar xzf',
    ours: ms(result.ours),
    theirs: ms(result.theirs),
    value: result.ratio,
    unit: '×',
    must: 2,
    reach: 1,
  };

  const bounds = { must: 200, reach: 120, unit: 'MB', theirs: '' } as const;
  const small = await peakMemory(fetched);
  yield {
    what: 'peak memory of that fetch',
    ours: `${small.toFixed(0)} MB`,
    value: small,
    ...bounds,
  };

  const big = await makeBigImage(served, { megabytes: 1000, files: 5000 });
  await store.key.signDetached(big, `${big}.asc`);
  const large = await peakMemory(
    fetchCommand(store, `https://127.0.0.1:${port}/${big.split('/').at(-1)}`),
  );
  yield { what: 'the same with 1 GB', ours: `${large.toFixed(0)} MB`, value: large, ...bounds };
}

function fetchCommand(store: BenchStore, url: string): TimedCommand {
  return {
    ...store.command('fetch', url),
    before: () => startAfresh(store.dataDir),
  };
}

async function gpgAndTar(store: BenchStore, image: string, work: string): Promise<TimedCommand> {
  const out = join(work, 'out');
  const home = join(work, 'gnupg');
  mkdirSync(home, { mode: 0o700 });
  const imported = {
    argv: ['gpg', '--homedir', home, '--quiet', '--import'],
    env: ENVIRONMENT,
  } as const;
  demandSuccess(
    await nodeExec.run({ ...imported, input: store.key.publicKeyArmored }),
    'import the key into gpg',
  );
  return {
    argv: [
      'sh',
      '-c',
      `gpg --homedir ${home} --quiet --verify ${image}.asc ${image} 2>/dev/null && tar -xzf ${image} -C ${out}`,
    ],
    before: () => {
      startAfresh(out);
      mkdirSync(out);
    },
  };
}

/** An image whose files compress by about a quarter, as programs do, to the size asked for. */
async function makeBigImage(
  folder: string,
  { megabytes, files }: { readonly megabytes: number; readonly files: number },
): Promise<string> {
  const bytes = Math.floor((megabytes * MEBIBYTE) / files);
  return await makeImage(folder, {
    name: `gantry.example/bench/size-${megabytes}`,
    prepare: (rootfs) => {
      for (let index = 0; index < files; index += 1) {
        const sub = join(rootfs, 'data', String(index % 50));
        if (index < 50) mkdirSync(sub, { recursive: true });
        writeFileSync(join(sub, `f${index}`), randomBytes(bytes).toString('base64'));
      }
    },
  });
}

interface Tls {
  readonly key: string;
  readonly certificate: string;
}

async function makeCertificate(work: string): Promise<Tls> {
  const tls = { key: join(work, 'tls.key'), certificate: join(work, 'tls.pem') };
  const curve = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    tls.key,
  ];
  const names = [
    '-out',
    tls.certificate,
    '-subj',
    '/CN=bench',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  ];
  const result = await nodeExec.run({
    argv: ['openssl', 'req', '-x509', ...curve, ...names],
    env: ENVIRONMENT,
  });
  demandSuccess(result, 'make a certificate');

  return tls;
}

function startServer(
  { node }: BenchContext,
  folder: string,
  tls: Tls,
): { readonly port: Promise<number> } & Disposable {
  const program = nodeExec.stream({
    argv: [node, join(import.meta.dirname, 'file-server.ts'), folder, tls.key, tls.certificate],
    env: ENVIRONMENT,
  });
  const port = new Promise<number>((resolve) => {
    program.stdout.once('data', (line) => resolve(Number(String(line))));
  });

  return { port, [Symbol.dispose]: () => program.kill() };
}
