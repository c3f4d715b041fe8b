import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMessage, generateKey, sign } from 'openpgp';
import { parseImageManifest } from '#schema/image/image-manifest';
import { acArch, packAci } from './stage1-fly.ts';

/** A signed image; its signature lies beside it, in `.asc`. */
export interface TrialImage {
  readonly path: string;
  /** The path of the armored public key of who signed it. */
  readonly publicKey: string;
}

/** Packs and signs a small image to try the program on: static busybox, `/bin/true`. */
export async function makeTrialImage(folder: string): Promise<TrialImage> {
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
  const path = join(folder, 'trial.aci');
  await packAci(layout, parseImageManifest(JSON.stringify(manifest)), path);

  return { path, publicKey: await signImage(path, join(folder, 'trial-key.asc')) };
}

/** Signs with a key that nobody keeps. @returns where its public half is, `publicKey` */
async function signImage(path: string, publicKey: string): Promise<string> {
  const key = await generateKey({
    type: 'curve25519',
    userIDs: [{ name: 'Trial' }],
    format: 'object',
  });
  writeFileSync(publicKey, key.publicKey.armor());
  const message = await createMessage({ binary: readFileSync(path) });
  const signature = await sign({ message, signingKeys: key.privateKey, detached: true });
  writeFileSync(`${path}.asc`, signature);

  return publicKey;
}
