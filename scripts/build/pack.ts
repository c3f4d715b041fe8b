import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { nodeExec } from '#base/exec/node-exec';
import { codeFileName, wrapModule } from '../../stage0/boot/compile.ts';
import { NODE_FLAGS } from '../../stage0/boot/node-flags.ts';
import { packPaths, packText } from '../../stage0/boot/program-files.ts';
import { type BundleRequest, packChunks } from './bundle.ts';
import { makeTrialImage } from './trial-image.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Bundles the loader of chunks, which Node itself loads. @param request `out` is `dist/lib` */
export async function bundleBoot({
  top,
  out,
  build: id,
}: BundleRequest & Pick<PackRequest, 'build'>): Promise<void> {
  await build({
    absWorkingDir: top,
    bundle: true,
    platform: 'node',
    target: 'node26',
    minifyWhitespace: true,
    legalComments: 'none',
    format: 'cjs',
    entryPoints: [join(top, 'stage0', 'boot', 'main.ts')],
    define: { BUILD: JSON.stringify(id) },
    outfile: join(out, 'boot.js'),
  });
}

export interface PackRequest {
  /** The program that is being built; launcher, chunks and stage1 images are there. */
  readonly dist: string;
  /** The folder with the chunks as ES modules. */
  readonly chunks: string;
  /** Which build this is. */
  readonly build: string;
}

/**
 * Runs the commands whose start-up counts, packs the chunks that they load into
 * one file, and runs them again to keep the code that V8 made of it. Where pods
 * cannot run, what the commands came to is packed.
 */
export async function packProgram(request: PackRequest): Promise<void> {
  const { dist, chunks } = request;
  const paths = packPaths(join(dist, 'lib'), request.build);
  const folder = mkdtempSync(join(tmpdir(), 'gantry-build-'));
  try {
    const commands = await prepareTrial(dist, folder);
    const load = async (hot: TrialCommands['run']): Promise<readonly string[]> =>
      await loadedChunks(request, hot);
    const [every, run, list] = [
      await load(commands.common),
      await load(commands.run),
      await load(commands.list),
    ];
    const packed = new Set<string>();
    const shares = [every, run.filter((name) => list.includes(name)), run, list];
    for (const [index, names] of shares.entries()) {
      const fresh = names.filter((name) => !packed.has(name));
      const module = wrapModule(await packChunks(chunks, fresh));
      writeFileSync(paths[index] ?? '', packText(fresh, module));
      for (const name of fresh) packed.add(name);
    }

    // The last one counts for what several compile, and that is `run`.
    for (const args of [...commands.warm, ...commands.list, ...commands.run]) {
      for (const [path, code] of await record(request, args)) {
        writeFileSync(join(dist, 'cache', codeFileName(path)), code);
      }
    }
    await gantry(dist, [...commands.flags, 'gc', '--grace-period=0s']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface TrialCommands {
  readonly flags: readonly string[];
  /** What they load is what every command needs. */
  readonly common: readonly (readonly string[])[];
  /** What they load is what a run needs. */
  readonly run: readonly (readonly string[])[];
  /** What they load is what `list` needs. */
  readonly list: readonly (readonly string[])[];
  /** What they load lies in files of its own, its code kept too. */
  readonly warm: readonly (readonly string[])[];
}

/**
 * A store with an image to try the program on, run once so that everything is in
 * its place. The image is signed, for what verifies a signature and finds the key
 * still trusted belongs to every start.
 */
async function prepareTrial(dist: string, folder: string): Promise<TrialCommands> {
  mkdirSync(join(folder, 'etc'));
  const flags = [
    `--dir=${join(folder, 'data')}`,
    `--local-config=${join(folder, 'etc')}`,
    `--system-config=${folder}`,
  ];
  const { path: image, publicKey } = await makeTrialImage(folder);
  await gantry(dist, [...flags, 'trust', '--root', '--skip-fingerprint-review', publicKey]);
  const run = [...flags, 'run', '--net=host'];
  for (const flavor of ['nspawn', 'fly']) {
    await gantry(dist, [...run, `--stage1-name=${flavor}`, image]);
  }
  const stored = ['gantry.sh/trial:1', '--exec=/bin/busybox', '--', 'true'];

  return {
    flags,
    warm: [
      ['help'],
      [...flags, 'fetch', '--pull-policy=update', image],
      [...flags, 'image', 'list'],
    ],
    list: [[...flags, 'list']],
    common: [['version']],
    run: [
      [...run, '--stage1-name=nspawn', ...stored],
      [...run, '--stage1-name=fly', ...stored],
    ],
  };
}

async function gantry(dist: string, args: readonly string[]): Promise<void> {
  await nodeExec.run({
    argv: [join(dist, 'gantry'), ...args],
    env: ENVIRONMENT,
    timeoutMs: 60_000,
  });
}

/** The names of the chunks that commands load, sorted. */
async function loadedChunks(
  request: PackRequest,
  commands: readonly (readonly string[])[],
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const args of commands) {
    for (const path of (await record(request, args)).keys()) names.add(basename(path));
  }

  return [...names].filter((name) => existsSync(join(request.chunks, name))).sort();
}

/** Runs one command under the recorder. @returns V8's code by the path of the script */
async function record(
  { dist, build: id }: PackRequest,
  args: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  const out = join(dist, 'recorded');
  await nodeExec.run({
    argv: [
      join(dist, 'bin', 'node'),
      ...NODE_FLAGS,
      join(import.meta.dirname, 'recorder.ts'),
      dist,
      id,
      out,
      '--',
      ...args,
    ],
    env: ENVIRONMENT,
    timeoutMs: 60_000,
  });
  const lines = readFileSync(out, 'utf8').split('\n').filter(Boolean);
  rmSync(out);

  return new Map(
    lines.map((line) => {
      const [path = '', code = ''] = line.split('\t');
      return [path, Buffer.from(code, 'base64')] as const;
    }),
  );
}
