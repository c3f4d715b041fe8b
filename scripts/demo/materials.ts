import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';

/** The host name that the demonstration's images are named after. */
export const HOST = 'gantry.example';
export const IMAGE = `${HOST}/demo/web`;
export const VERSION = '1.0.0';
export const PORT = 8088;
export const PAGE = 'A page from a pod: fetched, verified, kept and run by gantry.\n';

/** The folder that everything of the demonstration lies in. */
export interface Materials {
  readonly folder: string;
  readonly certificate: string;
  readonly certificateKey: string;
  readonly publicKey: string;
  /** The signed image, and beside it `.asc`. */
  readonly signed: string;
  readonly unsigned: string;
  readonly tampered: string;
}

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Makes, once, a certificate, a signing key, and the image three times: signed, unsigned, tampered with. */
export async function makeMaterials(folder: string): Promise<Materials> {
  const at = (name: string): string => join(folder, name);
  const materials: Materials = {
    folder,
    certificate: at('tls.pem'),
    certificateKey: at('tls.key'),
    publicKey: at('signing-key.asc'),
    signed: at('web.aci'),
    unsigned: at('unsigned.aci'),
    tampered: at('tampered.aci'),
  };
  if (existsSync(at('complete'))) return materials;

  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await makeCertificate(materials);
  await makeImage(materials.signed, PAGE);
  await makeImage(materials.tampered, 'Somebody else put this here.\n');
  await sign(materials);
  copyFileSync(materials.signed, materials.unsigned);
  copyFileSync(`${materials.signed}.asc`, `${materials.tampered}.asc`);
  writeFileSync(at('complete'), '');

  return materials;
}

async function run(...argv: [string, ...string[]]): Promise<void> {
  demandSuccess(await nodeExec.run({ argv, env: ENVIRONMENT }), `run ${argv[0]}`);
}

async function makeCertificate({ certificate, certificateKey }: Materials): Promise<void> {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-keyout', certificateKey, '-out', certificate, '-days', '3650'];
  const names = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`];
  await run('openssl', 'req', '-x509', ...curve, ...files, ...names);
}

async function makeImage(out: string, page: string): Promise<void> {
  const layout = `${out}.layout`;
  const rootfs = join(layout, 'rootfs');
  for (const folder of ['bin', 'www', 'etc', 'tmp'])
    mkdirSync(join(rootfs, folder), { recursive: true });
  copyFileSync('/bin/busybox', join(rootfs, 'bin', 'busybox'));
  chmodSync(join(rootfs, 'bin', 'busybox'), 0o755);
  writeFileSync(
    join(rootfs, 'etc', 'passwd'),
    'root:x:0:0::/:/bin/busybox\nwww:x:1000:1000::/www:/bin/busybox\n',
  );
  writeFileSync(join(rootfs, 'etc', 'group'), 'root:x:0:\nwww:x:1000:\n');
  writeFileSync(join(rootfs, 'www', 'index.html'), page);
  writeFileSync(join(layout, 'manifest'), `${JSON.stringify(imageManifest(), null, 2)}\n`);
  const owner = ['--owner=0', '--group=0', '--numeric-owner'];
  await run('tar', '-czf', out, ...owner, '-C', layout, 'manifest', 'rootfs');
  rmSync(layout, { recursive: true });
}

function imageManifest(): unknown {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'amd64';
  return {
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name: IMAGE,
    labels: [
      { name: 'version', value: VERSION },
      { name: 'os', value: 'linux' },
      { name: 'arch', value: arch },
    ],
    app: {
      exec: ['/bin/busybox', 'httpd', '-f', '-p', `127.0.0.1:${PORT}`, '-h', '/www'],
      user: 'www',
      group: 'www',
      ports: [{ name: 'http', protocol: 'tcp', port: PORT }],
    },
  };
}

/** Signs as a publisher would, with gpg and a key ring of the demonstration's own. */
async function sign({ folder, publicKey, signed }: Materials): Promise<void> {
  const home = join(folder, 'gnupg');
  mkdirSync(home, { mode: 0o700 });
  const gpg = [
    'gpg',
    '--homedir',
    home,
    '--batch',
    '--quiet',
    '--pinentry-mode',
    'loopback',
    '--passphrase',
    '',
  ] as const;
  await run(...gpg, '--quick-generate-key', `Demo <demo@${HOST}>`, 'ed25519', 'sign', '5y');
  await run(...gpg, '--armor', '--output', publicKey, '--export', `demo@${HOST}`);
  await run(...gpg, '--armor', '--output', `${signed}.asc`, '--detach-sign', signed);
  await run('gpgconf', '--homedir', home, '--kill', 'all');
}
