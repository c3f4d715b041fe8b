import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/volumes';
/** Its image leads from here to a place of /proc. */
const LINKED = 'example.com/volumes-linked';

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('nspawn volumes', () => {
  let pods: NspawnPods;
  let source: string;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
    await pods.add({
      name: LINKED,
      prepare: (rootfs) => symlinkSync('/proc/1/root/mnt', join(rootfs, 'magic')),
    });
    source = join(pods.context.workDir, 'volume');
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  interface Seen {
    readonly exitCode: number | undefined;
    readonly said: string;
    readonly told: string;
    /** What is in the volume afterwards, on the host. */
    readonly left: readonly string[];
  }

  interface Case {
    readonly image?: string;
    /** More of `--volume`. */
    readonly more?: string;
    readonly also?: string;
  }

  /** Runs a script in an app that has a volume with a file `marker` at a place. */
  async function seen(
    target: string,
    script: string,
    { image = NAME, more = '', also }: Case = {},
  ): Promise<Seen> {
    rmSync(source, { recursive: true, force: true });
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'marker'), 'of the volume\n');
    const volume = `--volume=v,kind=host,source=${source}${more}`;
    const args = [
      '--interactive',
      '--net=none',
      volume,
      image,
      `--mount=volume=v,target=${target}`,
    ];
    const command = ['--exec=/bin/sh', '--', '-c', script];
    const result = await pods.run([...args, ...command], also === undefined ? {} : { also });

    return {
      exitCode: result.exitCode,
      said: result.stdout.toString(),
      told: result.stderr,
      left: readdirSync(source),
    };
  }

  it.each(['/dev/shm', '/dev/shm/', '/dev/mqueue'])(
    'come before what the pod has at %s',
    async (target) => {
      expect(await seen(target, `cat ${target}/marker; echo x >${target}/new`)).toMatchObject({
        exitCode: 0,
        said: 'of the volume\n',
        left: ['marker', 'new'],
      });
    },
  );

  it('come before the journal of the pod at /dev/log, while others keep what is the pod’s', async () => {
    const args = ['--interactive', '--net=none', `--volume=v,kind=host,source=${source}/marker`];
    await seen('/v', 'true');
    const script = 'cat /dev/log; grep -c " /dev/shm " /proc/self/mounts';
    const { stdout } = await pods.run([
      ...args,
      NAME,
      '--mount=volume=v,target=/dev/log',
      '--exec=/bin/sh',
      '--',
      '-c',
      script,
    ]);

    expect(stdout.toString()).toBe('of the volume\n1\n');
  });

  it.each([
    '/proc',
    '/proc/sys/net',
    '/dev/pts/x',
    '/dev/console',
    '/dev/fd',
    '/dev/shm/x',
    '/dev/mqueue/x',
    '/dev',
    '/sys',
    '/sys/kernel/x',
    '/run/systemd/incoming',
    '/run/credentials',
    '/',
  ])('are refused at %s, of which they would see nothing or spoil the host’s', async (target) => {
    const { exitCode, told, left } = await seen(target, 'echo ran');

    expect(exitCode).toBe(254);
    expect(told).toContain(`cannot mount volume "v" on "${target}" of the app: `);
    expect(told).toContain('--stage1-name=fly');
    expect(left).toEqual(['marker']);
  });

  it('are refused where a link of the image leads to such a place', async () => {
    const { exitCode, told } = await seen('/magic', 'echo ran', { image: LINKED });

    expect(exitCode).toBe(254);
    expect(told).toContain('cannot mount volume "v" on "/magic" of the app: ');
  });

  it('are refused at /sys also where an app sees all of it', async () => {
    expect((await seen('/sys', 'echo ran', { also: 'paths' })).exitCode).toBe(254);
  });

  it('hold at /run one folder more for systemd, which one that is read-only must have', async () => {
    expect(await seen('/run', 'cat /run/marker')).toMatchObject({
      said: 'of the volume\n',
      left: ['marker', 'systemd'],
    });
    const refused = await seen('/run', 'cat /run/marker', { more: ',readOnly=true' });
    expect(refused.exitCode).toBe(254);
    expect(refused.told).toContain(`cannot mount volume "v" on "/run" of the app: `);
    expect(refused.told).toContain(`mkdir -p "${source}/systemd/incoming"`);
  });

  it('lie on one another whatever their order', async () => {
    await seen('/v', 'true');
    const args = ['--interactive', '--net=none', '--volume=outer,kind=empty'];
    const { stdout } = await pods.run([
      ...args,
      `--volume=inner,kind=host,source=${source}`,
      NAME,
      '--mount=volume=inner,target=/mnt/sub',
      '--mount=volume=outer,target=/mnt',
      '--exec=/bin/sh',
      '--',
      '-c',
      'cat /mnt/sub/marker',
    ]);

    expect(stdout.toString()).toBe('of the volume\n');
  });
});
