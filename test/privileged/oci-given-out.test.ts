import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { busyboxEntries, directory, tarOf } from '../helpers/hostile-tar.ts';
import { makeLayout, type WrittenImage } from '../helpers/oci-layout.ts';
import { openPodman, type OwnPodman } from '../helpers/podman.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import { loginFile, startRegistry, type TestRegistry } from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { untilTheEnd } from '../helpers/until-the-end.ts';

const canRun = requires(
  ...(['root', 'overlay', 'mount-namespace', 'busybox', 'nspawn', 'actool'] as const),
  ...(['docker-registry', 'oci-tools', 'podman'] as const),
);
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

const stack = untilTheEnd();
let context: PodContext;
let registry: TestRegistry;
let podman: OwnPodman;
let image: WrittenImage;
let key: string;
beforeAll(async () => {
  if (!canRun) return;
  registry = stack.use(await startRegistry('token'));
  context = stack.use(createPodContext());
  podman = stack.use(openPodman(at('podman'), { PATH, HOME: context.workDir }));
  logIn();
  key = await makeImage();
});

const at = (name: string): string => join(context.workDir, name);

function logIn(): void {
  writeFileSync(at('auth.json'), loginFile(registry.host));
  mkdirSync(at(`certs.d/${registry.host}`), { recursive: true });
  writeFileSync(at(`certs.d/${registry.host}/ca.crt`), readFileSync(registry.caFile));
}

/** In three layers, one of which takes away what another brought. */
async function makeImage(): Promise<string> {
  const layout = makeLayout(at('layout'));
  const base = tarOf(
    directory('bin'),
    ...busyboxEntries('sh', 'echo', 'ls', 'id', 'pwd'),
    directory('srv'),
    { path: 'srv/gone', body: 'gone' },
    directory('data'),
  );
  image = layout.image({
    layers: [
      base,
      tarOf(directory('srv'), { path: 'srv/.wh.gone', body: '' }),
      tarOf(directory('srv'), { path: 'srv/kept', body: 'kept', uid: 7, mode: 0o640 }),
    ],
    config: {
      Entrypoint: ['/bin/sh', '-c', 'echo "$0 $*"; echo $A; pwd; ls /srv', 'zero'],
      Cmd: ['one'],
      Env: ['A=from image'],
      WorkingDir: '/srv',
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {}, '/data/': {}, '/var/Lib_x': {} },
      Labels: { 'org.example/Some.Label': 'x' },
    },
  });
  layout.index({ 'r.example/team/app:1': image.descriptor });

  return (await gantry('fetch', '--full', `oci:${at('layout')}:r.example/team/app:1`)).stdout
    .toString()
    .trim();
}

async function gantry(...args: readonly string[]): Promise<ExecResult> {
  const env = { PATH, SSL_CERT_FILE: registry.caFile, REGISTRY_AUTH_FILE: at('auth.json') };
  const result = await context.gantry(['--insecure-options=image', ...args], { env });
  demandSuccess(result, args.join(' '));
  return result;
}

const OUTPUT = 'zero one\nfrom image\n/srv\nkept\n';
const run = async (...args: readonly string[]): Promise<string> =>
  await podman.run('run', '--rm', '--network=host', ...args);

describe.runIf(canRun)('an OCI image that is given out', () => {
  it('is run by podman from a registry', async () => {
    const name = `${registry.host}/team/app:1`;
    const pushed = await gantry('push', key, `docker://${name}`);
    expect(pushed.stdout.toString()).toBe(`${image.descriptor.digest}\n`);
    const login = [`--authfile=${at('auth.json')}`, `--cert-dir=${at(`certs.d/${registry.host}`)}`];
    // podman asks the server of tokens by the system's authorities alone.
    const pulled = await nodeExec.run({
      argv: podman.argv('pull', '-q', ...login, name),
      env: { ...podman.env, SSL_CERT_FILE: registry.caFile },
    });
    demandSuccess(pulled, 'podman pull');
    expect(`sha256-${pulled.stdout.toString().trim()}`).toBe(key);
    expect(await run(name)).toBe(OUTPUT);
  });

  it.each(['oci-archive', 'docker-archive'])(
    'is loaded and run by podman from %s',
    async (format) => {
      const file = at(`${format}.tar`);
      await gantry('image', 'save', '--overwrite', `--format=${format}`, '-o', file, key);
      expect(await podman.run('load', '-q', '-i', file)).toContain('r.example/team/app:1');
      expect(await run('r.example/team/app:1')).toBe(OUTPUT);
      expect(await podman.run('image', 'inspect', '--format={{.Id}}', 'r.example/team/app:1')).toBe(
        `${key.replace('sha256-', '')}\n`,
      );
    },
  );

  it.each(['oci-archive', 'docker-archive'])('comes back from podman by %s', async (format) => {
    await gantry('image', 'save', '--overwrite', '-o', at(`to-${format}.tar`), key);
    await podman.run('load', '-q', '-i', at(`to-${format}.tar`));
    const back = at(`back-${format}.tar`);
    await podman.run('save', '-q', `--format=${format}`, '-o', back, 'r.example/team/app:1');
    await gantry('gc', '--grace-period=0s');
    await gantry('image', 'rm', key);
    expect((await gantry('image', 'load', '--full', back)).stdout.toString()).toBe(`${key}\n`);
    const ran = await gantry('run', '--stage1-name=fly', key);
    expect(ran.stdout.toString()).toBe(OUTPUT);
  });

  it('becomes an ACI that actool accepts and that runs the same', async () => {
    const aci = at('app.aci');
    await gantry('image', 'export', '--overwrite', '--format=aci', key, aci);
    const validated = await nodeExec.run({ argv: ['actool', 'validate', aci], env: { PATH } });
    expect(validated.exitCode, validated.stderr).toBe(0);
    const manifest = await nodeExec.run({ argv: ['tar', '-xOf', aci, 'manifest'], env: { PATH } });
    expect(JSON.parse(manifest.stdout.toString())).toMatchObject({
      name: 'r.example/team/app',
      app: {
        user: '0',
        group: '0',
        workingDirectory: '/srv',
        environment: [{ name: 'A', value: 'from image' }],
        ports: [{ name: '80-tcp', port: 80 }],
        mountPoints: [
          { name: 'volume-data', path: '/data' },
          { name: 'volume-var-lib-x', path: '/var/Lib_x' },
        ],
      },
    });
    const listed = await nodeExec.run({
      argv: ['tar', '-tvf', aci, '--numeric-owner'],
      env: { PATH },
    });
    const lines = listed.stdout.toString();
    expect(lines).toMatch(/^-rw-r----- 7\/0 +4 .* rootfs\/srv\/kept$/m);
    expect(lines).not.toMatch(/gone|\.wh\./);

    for (const flavor of ['fly', 'nspawn']) {
      const ran = await gantry('run', `--stage1-name=${flavor}`, aci);
      expect(ran.stdout.toString()).toBe(OUTPUT);
      const other = await gantry('run', `--stage1-name=${flavor}`, aci, '--', 'two');
      expect(other.stdout.toString()).toBe(OUTPUT.replace('one', 'two'));
    }
    const streamed = await gantry('image', 'export', '--format=aci', key, '-');
    expect(streamed.stdout.equals(readFileSync(aci))).toBe(true);
    expect(readdirSync(join(context.dataDir, 'cas/tmp'))).toEqual([]);
  });

  it('leaves nothing half where the disk is full', async () => {
    const small = at('small');
    mkdirSync(small);
    const mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', small] as const;
    demandSuccess(await nodeExec.run({ argv: mount, env: { PATH } }), 'mount');
    try {
      for (const args of [
        ['push', key, `oci-archive:${small}/a.tar`],
        ['push', key, `docker-archive:${small}/a.tar`],
        ['push', key, `oci:${small}`],
        ['image', 'save', `--output=${small}/a.tar`, key],
        ['image', 'export', '--format=aci', key, `${small}/a.aci`],
      ]) {
        const { exitCode, stderr } = await context.gantry(args);
        expect(exitCode, args.join(' ')).toBe(254);
        expect(stderr).toContain('no space left on the device');
      }
      expect(readdirSync(small, { recursive: true }).map(String).sort()).toEqual(
        expect.not.arrayContaining(['index.json', 'a.tar', 'a.aci']),
      );
    } finally {
      await nodeExec.run({ argv: ['umount', small], env: { PATH } });
    }
  });
});
