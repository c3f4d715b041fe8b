import { linkSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  copySync,
  emptyDirSync,
  ensureDirSync,
  outputFileSync,
  pathExistsSync,
  removeSync,
} from 'fs-extra/esm';
import { NODE_FLAGS, RANDOM_SEEDS } from '../../stage0/boot/node-flags.ts';
import { archiveChunks, chunksPath, workerPath } from '../../stage0/boot/program-files.ts';
import { bundleEntrypoints, bundleProgram, bundleWorker } from './bundle.ts';
import { bundleBoot, packProgram } from './pack.ts';
import { buildStage1Fly } from './stage1-fly.ts';
import { buildStage1Nspawn } from './stage1-nspawn.ts';
import { sourceStamp } from './stamp.ts';

const top = dirname(dirname(import.meta.dirname));
const dist = join(top, 'dist');
const fresh = join(top, '.build', `dist-${process.pid}`);
const chunks = join(top, '.build', `chunks-${process.pid}`);
const stampFile = 'stamp';
/** So many digits of the stamp tell one build from another. */
const BUILD_LENGTH = 16;

/** Builds `dist` unless it was built from just these sources. @returns whether it was built */
export async function buildDistIfStale(): Promise<boolean> {
  const path = join(dist, stampFile);
  if (pathExistsSync(path) && readFileSync(path, 'utf8') === sourceStamp(top)) return false;

  await buildDist();
  return true;
}

/**
 * Makes `dist`: the launcher, Node, the program's code in chunks, koffi's
 * addon, units for systemd, the stage1 images, and a warm compile cache. The
 * new one is made beside the old and takes its place by rename.
 */
export async function buildDist(): Promise<void> {
  emptyDirSync(fresh);
  for (const folder of ['bin', 'lib', 'stage1', 'cache']) ensureDirSync(join(fresh, folder));

  placeNode();
  emptyDirSync(chunks);
  const lib = join(fresh, 'lib');
  const stamp = sourceStamp(top);
  const build = stamp.slice(0, BUILD_LENGTH);
  writeFileSync(chunksPath(lib, build), archiveChunks(await bundleProgram({ top, chunks })));
  writeFileSync(workerPath(lib, build), await bundleWorker(top));
  await bundleBoot({ top, out: lib, build });
  copySync(koffiAddonPath(), join(lib, 'koffi.node'));
  outputFileSync(join(fresh, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`);
  placeLauncher();
  copySync(join(top, 'scripts', 'systemd'), join(fresh, 'systemd'));
  await buildStage1Images();
  await packProgram({ dist: fresh, chunks, build });
  removeSync(chunks);
  outputFileSync(join(fresh, stampFile), stamp);
  swapIn();
}

function placeLauncher(): void {
  const template = readFileSync(join(top, 'scripts', 'launcher.sh'), 'utf8');
  const launcher = template
    .replace('@NODE_FLAGS@', NODE_FLAGS.join(' '))
    .replace('@SEED_COUNT@', String(RANDOM_SEEDS.length))
    .replace('@RANDOM_SEEDS@', RANDOM_SEEDS.join(' '));
  outputFileSync(join(fresh, 'gantry'), launcher, { mode: 0o755 });
}

/** Node 26 as the project brings it; a hard link where the file system allows, for it is 120 MB. */
function placeNode(): void {
  const target = join(fresh, 'bin', 'node');
  try {
    linkSync(process.execPath, target);
  } catch {
    copySync(process.execPath, target);
  }
}

function koffiAddonPath(): string {
  const require = createRequire(join(top, 'package.json'));
  const manifest = require.resolve(`@koromix/koffi-linux-${process.arch}/package.json`);

  return join(dirname(manifest), `linux_${process.arch}`, 'koffi.node');
}

async function buildStage1Images(): Promise<void> {
  const entrypoints = join(top, '.build', 'entrypoints');
  await bundleEntrypoints({ top, out: entrypoints });
  await buildStage1Fly({ entrypoints, out: join(fresh, 'stage1') });
  await buildStage1Nspawn({ entrypoints, out: join(fresh, 'stage1') });
}

function swapIn(): void {
  const old = join(top, '.build', `dist-old-${process.pid}`);
  if (pathExistsSync(dist)) renameSync(dist, old);
  renameSync(fresh, dist);
  removeSync(old);
}
