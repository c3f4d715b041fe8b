import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { nodeExec } from '#base/exec/node-exec';
import { codeFileName, wrapModule } from '../../stage0/boot/compile.ts';
import { PACKS } from '../../stage0/boot/loader.ts';
import { NODE_FLAGS } from '../../stage0/boot/node-flags.ts';
import { packChunks } from './bundle.ts';
import { makeTrialImage } from './trial-image.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Bundles the loader of chunks, which Node itself loads. @param out `dist/lib` */
export async function bundleBoot(top: string, out: string): Promise<void> {
  await build({
    absWorkingDir: top,
    bundle: true,
    platform: 'node',
    target: 'node26',
    minifyWhitespace: true,
    legalComments: 'none',
    format: 'cjs',
    entryPoints: [join(top, 'stage0', 'boot', 'main.ts')],
    outfile: join(out, 'boot.js'),
  });
}

/**
 * Runs the commands whose start-up counts, packs the chunks that they load into
 * one file, and runs them again to keep the code that V8 made of it. Where pods
 * cannot run, what the commands came to is packed.
 * @param dist the program that is being built; launcher, chunks and stage1 images are there
 * @param chunks the folder with the chunks as ES modules
 */
export async function packProgram(dist: string, chunks: string): Promise<void> {
  const lib = join(dist, 'lib');
  const folder = mkdtempSync(join(tmpdir(), 'gantry-build-'));
  try {
    const commands = await prepareTrial(dist, folder);
    const packed = new Set<string>();
    for (const [pack, hot] of [
      [PACKS[0], commands.common],
      [PACKS[1], commands.run],
    ] as const) {
      const names = new Set<string>();
      for (const args of hot) {
        for (const path of (await record(dist, args)).keys()) names.add(basename(path));
      }
      const fresh = [...names]
        .filter((name) => existsSync(join(chunks, name)) && !packed.has(name))
        .sort();
      writeFileSync(join(lib, pack), wrapModule(await packChunks(chunks, fresh)));
      for (const name of fresh) packed.add(name);
    }

    // The last one counts for what several compile, and that is `run`.
    for (const args of [...commands.warm, ...commands.run]) {
      for (const [path, code] of await record(dist, args)) {
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
  /** What they load lies in files of its own, its code kept too. */
  readonly warm: readonly (readonly string[])[];
}

/** A store with an image to try the program on, run once so that everything is in its place. */
async function prepareTrial(dist: string, folder: string): Promise<TrialCommands> {
  mkdirSync(join(folder, 'etc'));
  const flags = [
    `--dir=${join(folder, 'data')}`,
    `--local-config=${join(folder, 'etc')}`,
    `--system-config=${folder}`,
  ];
  const image = await makeTrialImage(folder);
  const insecure = '--insecure-options=image';
  const run = [...flags, 'run', insecure, '--net=host'];
  for (const flavor of ['nspawn', 'fly']) {
    await gantry(dist, [...run, `--stage1-name=${flavor}`, image]);
  }

  return {
    flags,
    warm: [
      ['help'],
      [...flags, 'fetch', insecure, '--pull-policy=update', image],
      [...flags, 'image', 'list'],
      [...flags, 'list'],
    ],
    common: [['version']],
    run: [
      [...run, '--stage1-name=nspawn', 'gantry.sh/trial:1'],
      [...run, '--stage1-name=fly', 'gantry.sh/trial:1'],
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

/** Runs one command under the recorder. @returns V8's code by the path of the script */
async function record(dist: string, args: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const out = join(dist, 'recorded');
  await nodeExec.run({
    argv: [
      join(dist, 'bin', 'node'),
      ...NODE_FLAGS,
      join(import.meta.dirname, 'recorder.ts'),
      dist,
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
