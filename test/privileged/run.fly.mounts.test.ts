import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { inShell } from '../helpers/in-shell.ts';
import { mountsBelow } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/mounts-fly';
const sh = inShell(NAME);
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

describe.runIf(requires('root', 'overlay', 'mount-namespace', 'busybox'))(
  'mounts of a fly pod',
  () => {
    let pods: FlyPods;
    let dir: string;
    beforeAll(async () => {
      pods = createFlyPods();
      dir = mkdtempSync(join(tmpdir(), 'fly-'));
      await pods.add({ name: NAME });
    });
    afterAll(async () => {
      rmSync(dir, { recursive: true });
      await pods[Symbol.asyncDispose]();
    });

    it('stay in the pod', async () => {
      const source = join(dir, 'volume');
      mkdirSync(source);
      const uuidFile = join(dir, 'uuid');
      const pod = pods.context.start([
        'run',
        '--insecure-options=image',
        '--stage1-name=fly',
        `--uuid-file-save=${uuidFile}`,
        `--volume=data,kind=host,source=${source}`,
        '--mount=volume=data,target=/data',
        ...sh('mount -t tmpfs x /data; echo ready; cat'),
      ]);
      await new Promise((resolve) => pod.stdout.once('data', resolve));

      expect(mountsBelow(pods.context.dataDir)).toEqual([]);
      expect(mountsBelow(dir)).toEqual([]);
      pod.stdin.end();
      await pod.ended;
      const uuid = readFileSync(uuidFile, 'utf8').trim();
      expect((await pods.context.gantry(['rm', uuid])).exitCode).toBe(0);
    });

    it('serve volumes: host and empty, read-only, of a file', async () => {
      const source = join(dir, 'host');
      mkdirSync(source);
      writeFileSync(join(source, 'f'), 'text');
      const { stdout } = await pods.run([
        `--volume=host,kind=host,source=${source}`,
        `--volume=ro,kind=host,source=${source},readOnly=true`,
        `--volume=file,kind=host,source=${join(source, 'f')}`,
        '--volume=empty,kind=empty,mode=0700,uid=1000,gid=100',
        '--mount=volume=host,target=/vol/host',
        '--mount=volume=ro,target=/vol/ro',
        '--mount=volume=file,target=/etc/one-file',
        '--mount=volume=empty,target=/vol/empty',
        ...sh(
          'cat /vol/ro/f /etc/one-file; touch /vol/host/made; touch /vol/ro/x 2>/dev/null || echo -n " ro "; stat -c "%a %u %g" /vol/empty',
        ),
      ]);

      expect(stdout.toString()).toBe('texttext ro 700 1000 100\n');
      expect(readFileSync(join(source, 'made'), 'utf8')).toBe('');
    });

    it('of a read-only recursive volume are read-only all the way down', async () => {
      const result = await nodeExec.run({
        argv: [
          'unshare',
          '--mount',
          'sh',
          '-c',
          `mkdir -p "$0/deep/below" && mount -t tmpfs x "$0/deep/below" && exec "$@"`,
          dir,
          ...pods.argv(
            `--volume=v,kind=host,source=${join(dir, 'deep')},readOnly=true,recursive=true`,
            '--mount=volume=v,target=/v',
            ...sh('grep -c " /v/below " /proc/self/mountinfo; touch /v/below/x || echo refused'),
          ),
        ],
        env: ENVIRONMENT,
      });

      expect(result.stdout.toString()).toBe('1\nrefused\n');
    });

    it('of a shared volume reach the host, and only those', async () => {
      const source = join(dir, 'shared');
      mkdirSync(join(source, 'below'), { recursive: true });
      const manifest = join(dir, 'pod.json');
      const { stdout: id } = await pods.context.gantry(['image', 'list', '--format=json']);
      const images = JSON.parse(id.toString()) as readonly { id: string; name: string }[];
      writeFileSync(
        manifest,
        JSON.stringify({
          acKind: 'PodManifest',
          acVersion: '0.8.11',
          apps: [
            {
              name: 'app',
              image: { id: images.find(({ name }) => name.startsWith(NAME))?.id },
              app: {
                exec: ['/bin/sh', '-c', 'mount -t tmpfs x /v/below'],
                user: '0',
                group: '0',
              },
              mounts: [{ volume: 'v', path: '/v' }],
            },
          ],
          volumes: [{ name: 'v', kind: 'host', source, propagation: 'shared' }],
        }),
      );
      const script = `mount --bind "$0" "$0" && mount --make-$1 "$0" && shift && "$@"; grep -c " $0/below " /proc/self/mountinfo`;
      const inHost = (propagation: string) =>
        nodeExec.run({
          argv: [
            'unshare',
            '--mount',
            '--propagation=private',
            'sh',
            '-c',
            script,
            source,
            propagation,
            ...pods.argv(`--pod-manifest=${manifest}`),
          ],
          env: ENVIRONMENT,
        });

      expect((await inHost('shared')).stdout.toString()).toBe('1\n');
      const refused = await inHost('private');
      expect(refused.stdout.toString()).toBe('0\n');
      expect(refused.stderr).toContain('it lies on a private mount');
    });

    it('leave the root read-only when asked, with /tmp and volumes to write to', async () => {
      const { stdout } = await pods.run([
        '--volume=v,kind=empty',
        '--mount=volume=v,target=/new/place',
        NAME,
        '--readonly-rootfs=true',
        '--exec=/bin/sh',
        '--',
        '-c',
        'touch /x 2>/dev/null || echo refused; touch /tmp/x /new/place/x && echo written',
      ]);

      expect(stdout.toString()).toBe('refused\nwritten\n');
    });

    it('never leave the root by a link of the image', async () => {
      const outside = join(dir, 'outside');
      mkdirSync(outside);
      const up = '../'.repeat(20);
      await pods.add({
        name: 'example.com/links',
        prepare: (rootfs) => {
          for (const name of ['tmp', 'etc']) rmSync(join(rootfs, name), { recursive: true });
          symlinkSync(`${up}no-such-folder`, join(rootfs, 'tmp'));
          symlinkSync(`${up}${outside}/data`, join(rootfs, 'data'));
          symlinkSync(`${up}${outside}`, join(rootfs, 'etc'));
        },
      });
      writeFileSync(join(outside, 'passwd'), 'evil:x:4242:4242:::\n');
      const run = (...flags: readonly string[]) =>
        pods.run([
          `--volume=v,kind=host,source=${dir}`,
          '--mount=volume=v,target=/data',
          '--dns=1.1.1.1',
          'example.com/links',
          ...flags,
          '--exec=/bin/true',
        ]);

      expect((await run()).exitCode).toBe(0);
      expect((await run('--user=evil')).exitCode).toBe(254);
      expect(readdirSync(outside)).toEqual(['passwd']);
    });
  },
);
