import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseImageManifest } from '#schema/image/image-manifest';
import { acArch, packAci } from './stage1-fly.ts';

/** Packs a small image to try the program on: static busybox, `/bin/true`. @returns its path */
export async function makeTrialImage(folder: string): Promise<string> {
  const layout = join(folder, 'layout');
  const bin = join(layout, 'rootfs', 'bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync('/bin/busybox', join(bin, 'busybox'));
  symlinkSync('busybox', join(bin, 'true'));
  const etc = join(layout, 'rootfs', 'etc');
  mkdirSync(etc);
  writeFileSync(join(etc, 'passwd'), 'root:x:0:0::/:/bin/true\n');
  writeFileSync(join(etc, 'group'), 'root:x:0:\n');
  const manifest = {
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name: 'gantry.sh/trial',
    labels: [
      { name: 'version', value: '1' },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: acArch() },
    ],
    app: { exec: ['/bin/true'], user: 'root', group: 'root' },
  };
  const out = join(folder, 'trial.aci');
  await packAci(layout, parseImageManifest(JSON.stringify(manifest)), out);

  return out;
}
