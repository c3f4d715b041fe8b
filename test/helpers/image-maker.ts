import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { probeScript } from '../probe/verbs.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** What a test image is made of; everything has a default but the name. */
export interface TestImage {
  readonly name: string;
  readonly version?: string;
  /** Merged into the manifest's `app`; `null` makes an image without an app. */
  readonly app?: Readonly<Record<string, unknown>> | null;
  /** Merged into the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Files by path inside the root file system, with their text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly compression?: 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'none';
  /** Changes the root file system in place before it is packed. */
  readonly prepare?: (rootfs: string) => void;
}

/** gzip takes a third of its usual time at its fastest. */
const COMPRESSION_FLAGS = {
  gzip: '--use-compress-program=gzip -1',
  bzip2: '-j',
  xz: '-J',
  zstd: '--zstd',
} as const;

/**
 * Packs an image as a publisher would: a root of static busybox with its
 * applets, the probe, and a manifest.
 * @param folder where `NAME.aci` and its layout are made
 * @returns the image's path
 */
export async function makeImage(folder: string, image: TestImage): Promise<string> {
  const out = join(folder, `${image.name.replaceAll('/', '-')}-${image.version ?? '1.0.0'}.aci`);
  const layout = mkdtempSync(join(folder, 'layout-'));
  const rootfs = join(layout, 'rootfs');
  fillRoot(rootfs, image);
  image.prepare?.(rootfs);
  writeFileSync(join(layout, 'manifest'), JSON.stringify(manifestOf(image)));

  const { compression = 'gzip' } = image;
  const compress = compression === 'none' ? [] : [COMPRESSION_FLAGS[compression]];
  const argv = [
    'tar',
    '-c',
    ...compress,
    '-f',
    out,
    '--numeric-owner',
    '--xattrs',
    '-C',
    layout,
    'manifest',
    'rootfs',
  ] as const;
  demandSuccess(await nodeExec.run({ argv, env: ENVIRONMENT }), `pack ${out}`);
  rmSync(layout, { recursive: true });

  return out;
}

const APPLETS = [
  'sh',
  'cat',
  'ls',
  'echo',
  'env',
  'id',
  'sleep',
  'true',
  'false',
  'touch',
  'mkdir',
  'mknod',
  'mount',
  'umount',
  'stat',
  'hostname',
  'readlink',
  'kill',
  'grep',
  'test',
  'chown',
  'httpd',
  'wget',
  'nc',
  'head',
  'printf',
  'dd',
  'ps',
  'pwd',
  'date',
  'wc',
  'rm',
];

function fillRoot(rootfs: string, image: TestImage): void {
  for (const folder of ['bin', 'etc', 'tmp', 'root'])
    mkdirSync(join(rootfs, folder), { recursive: true });
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  chmodSync(join(rootfs, 'bin', 'busybox'), 0o755);
  for (const applet of APPLETS) symlinkSync('busybox', join(rootfs, 'bin', applet));
  writeFileSync(join(rootfs, 'bin', 'probe'), probeScript(), { mode: 0o755 });
  writeFileSync(
    join(rootfs, 'etc', 'passwd'),
    'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100:user:/tmp:/bin/sh\n',
  );
  writeFileSync(join(rootfs, 'etc', 'group'), 'root:x:0:\nusers:x:100:user\nextra:x:200:user\n');
  for (const [path, text] of Object.entries(image.files ?? {})) {
    mkdirSync(join(rootfs, path, '..'), { recursive: true });
    writeFileSync(join(rootfs, path), text);
  }
}

function manifestOf({ name, version = '1.0.0', app, manifest }: TestImage): unknown {
  const labels = [
    { name: 'version', value: version },
    { name: 'os', value: 'linux' },
    { name: 'arch', value: process.arch === 'arm64' ? 'aarch64' : 'amd64' },
  ];
  const merged =
    app === null ? {} : { app: { exec: ['/bin/true'], user: '0', group: '0', ...app } };

  return { acKind: 'ImageManifest', acVersion: '0.8.11', name, labels, ...merged, ...manifest };
}
