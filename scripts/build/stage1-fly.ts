import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { formatImageManifest, type ImageManifest } from '#schema/image/image-manifest';
import { FLY_ENTRYPOINTS, flyManifest } from '../../stage1-fly/index.ts';

export interface Stage1Request {
  /** The folder of bundled entrypoints, `FLAVOR/NAME.js`. */
  readonly entrypoints: string;
  /** The folder that the image goes to. */
  readonly out: string;
}

/** Packs `stage1-fly.aci`: a root with nothing in it but the entrypoints. */
export async function buildStage1Fly({ entrypoints, out }: Stage1Request): Promise<void> {
  const layout = mkdtempSync(join(out, 'layout-'));
  for (const [name, path] of Object.entries(FLY_ENTRYPOINTS)) {
    const target = join(layout, 'rootfs', path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(join(entrypoints, 'stage1-fly', `${name}.js`), target);
  }
  await packAci(layout, flyManifest(productVersion(), acArch()), join(out, 'stage1-fly.aci'));
}

/** The version of the program, which its stage1 images share. */
export function productVersion(): string {
  const path = join(import.meta.dirname, '..', '..', 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** This machine's architecture as appc labels it. */
export function acArch(): string {
  return process.arch === 'arm64' ? 'aarch64' : 'amd64';
}

/** Packs a layout folder with a `rootfs` as an ACI, the same bytes for the same content, and removes the folder. */
export async function packAci(layout: string, manifest: ImageManifest, out: string): Promise<void> {
  writeFileSync(join(layout, 'manifest'), formatImageManifest(manifest));
  const stable = [
    '--format=pax',
    '--pax-option=delete=atime,delete=ctime',
    '--sort=name',
    '--mtime=@0',
  ];
  const owner = ['--owner=0', '--group=0', '--numeric-owner', '--xattrs'];
  const result = await nodeExec.run({
    argv: ['tar', '-cf', out, ...stable, ...owner, '-C', layout, 'manifest', 'rootfs'],
    env: { PATH: '/usr/bin:/bin' },
  });
  demandSuccess(result, `pack "${out}"`);
  rmSync(layout, { recursive: true });
}
