import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { inShell } from '../helpers/in-shell.ts';
import { GANTRY } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/claims-fly';
const STAGE1_DIR = join(dirname(GANTRY), 'stage1');
const SIGNALS = ['TERM', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2'] as const;
/** What an app says that is not in a PID namespace of its own, as under fly. */
const HOST = `${readlinkSync('/proc/self/ns/pid')}\n`;
const sh = inShell(NAME);

const IN_HOST = sh('readlink /proc/self/ns/pid');

describe.runIf(requires('root', 'overlay', 'busybox'))('what is promised of fly', () => {
  let pods: FlyPods;
  let path: (name: string) => string;
  const local = (file: string, document: object): void => {
    const target = join(pods.context.localConfig, file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, JSON.stringify({ rktVersion: 'v1', ...document }));
  };
  /** Without a word about the flavor. */
  const plain = async (...args: readonly string[]) =>
    await pods.context.gantry(['run', '--insecure-options=image', ...args]);
  beforeAll(async () => {
    pods = createFlyPods();
    path = (name) => join(pods.context.workDir, name);
    await pods.add({ name: NAME });
    copyFileSync(join(STAGE1_DIR, 'stage1-fly.aci'), path('other.aci'));
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  it.each(SIGNALS)('SIG%s arrives at the app', async (signal) => {
    const script = `trap "exit 4" ${signal}; echo ready; while :; do sleep 0.05; done`;
    const program = pods.context.start([
      'run',
      '--insecure-options=image',
      '--stage1-name=fly',
      ...sh(script),
    ]);
    program.stdout.once('data', () => program.kill(`SIG${signal}`));

    expect(await program.ended).toMatchObject({ exitCode: 4 });
  });

  it('a working directory that is not there is said, and is no bug', async () => {
    const { exitCode, stderr } = await pods.run([NAME, '--working-dir=/none']);

    expect(exitCode).toBe(254);
    expect(stderr).toMatch(/cannot run app "claims-fly" in "\/none": no such directory\nhint: /);
  });

  it('an argument is an argument up to a lone ---, empty ones too', async () => {
    const args = ['a', '', '--', '--net'];
    const { stdout } = await pods.run([NAME, '--exec=/bin/printf', '--', '[%s]', ...args, '---']);

    expect(stdout.toString()).toBe('[a][][--][--net]');
  });

  it('a pod manifest runs as it is, and is asked for nothing that would be ignored', async () => {
    const list = await pods.context.gantry(['image', 'list', '--full', '--no-legend']);
    const id = new RegExp(`(sha512-\\S+)\\s+${NAME}`).exec(list.stdout.toString())?.[1];
    const app = {
      name: 'one',
      image: { id },
      app: { exec: ['/bin/sh', '-c', 'id -u; ls -d /v; touch /x'], user: '7', group: '8' },
      readOnlyRootFS: true,
      mounts: [{ volume: 'v', path: '/v' }],
    };
    const manifest = {
      acKind: 'PodManifest',
      acVersion: '0.8.11',
      apps: [app],
      volumes: [{ name: 'v', kind: 'empty' }],
    };
    const run = async (document: object) => {
      writeFileSync(path('pod'), JSON.stringify(document));
      return await pods.run([`--pod-manifest=${path('pod')}`]);
    };

    const good = await run(manifest);
    expect(good.stdout.toString()).toBe('7\n/v\n');
    expect(good.stderr).toContain('Read-only file system');
    const ports = await run({ ...manifest, ports: [{ name: 'www', hostPort: 80 }] });
    expect(ports).toMatchObject({ exitCode: 254 });
    expect(ports.stderr).toContain('cannot forward port "www": no app declares it');
    const stream = { name: 'coreos.com/rkt/stage2/stdin', value: 'stream' };
    const streams = await run({ ...manifest, apps: [{ ...app, annotations: [stream] }] });
    expect(streams.stderr).toContain('cannot lead the streams of app');
    const both = await pods.run([`--pod-manifest=${path('pod')}`, NAME]);
    expect(both.stderr).toContain('exclude each other');
  });

  it('a UUID is saved before anything can fail, so that rm works', async () => {
    const file = path('uuid');
    const failed = await pods.run([`--uuid-file-save=${file}`, NAME, '--user=ghost']);
    const removed = await pods.context.gantry(['rm', `--uuid-file=${file}`]);

    expect(failed.exitCode).toBe(254);
    expect(removed.stdout.toString()).toContain(readFileSync(file, 'utf8').trim());
  });

  it.each([
    [() => '--stage1-name=gantry.sh/stage1-fly'],
    [() => `--stage1-path=${join(STAGE1_DIR, 'stage1-fly.aci')}`],
    [() => '--stage1-from-dir=stage1-fly.aci'],
    [() => `--stage1-url=file://${path('other.aci')}`],
  ])('a stage1 is chosen by flag (%#)', async (flag) => {
    const result = await plain(flag(), ...IN_HOST);

    expect(result.stdout.toString()).toBe(HOST);
  });

  it.each([
    [['--stage1-name=qemu'], 'cannot use flavor "qemu"'],
    [['--stage1-from-dir=../stage1/stage1-fly.aci'], 'is not the name of a file in'],
    [['--stage1-url=stage1-fly.aci'], 'is no URL'],
    [['--stage1-hash=sha512-0000'], 'not in the store'],
    [['--stage1-path=/none'], 'no such file'],
    [['--stage1-name=fly', '--stage1-name=fly'], 'more than one stage1'],
    [[`--stage1-name=${NAME}`], 'does not say what runs a pod'],
  ])('no pod comes of %j', async (flags, message) => {
    const { exitCode, stderr } = await plain(...flags, NAME);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('too old');
  });

  it('a stage1 that did not come with the program needs a signature', async () => {
    const fresh = createFlyPods();
    await using context = fresh.context;
    const args = ['run', `--stage1-path=${path('other.aci')}`, NAME];
    const { exitCode, stderr } = await context.gantry(args);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(`cannot verify image "${path('other.aci')}": there is no signature`);
  });

  it('the configuration names the stage1, and the folder of others', async () => {
    const file = 'stage1.d/stage1.json';
    for (const named of [
      { location: path('other.aci') },
      { location: '/nowhere/stage1-fly.aci' },
      { name: 'gantry.sh/stage1-fly', version: '0.1.0', location: '/nowhere/none.aci' },
    ]) {
      local(file, { rktKind: 'stage1', ...named });
      const { stdout } = await plain('--net=host', ...IN_HOST);
      expect(stdout.toString()).toBe(HOST);
    }
    rmSync(join(pods.context.localConfig, file));

    local('paths.d/paths.json', { rktKind: 'paths', 'stage1-images': pods.context.workDir });
    const { stdout } = await plain('--stage1-from-dir=other.aci', ...IN_HOST);
    expect(stdout.toString()).toBe(HOST);
  });
});
