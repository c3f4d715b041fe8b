import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/claims-nspawn';
const LIMITED = 'example.com/claims-limited';
const UNPREPARED = 'example.com/claims-unprepared';
const PROGRAMS = {
  'bad-interpreter': ['#!/nope\n', 0o755],
  garbage: ['\x7fELFgarbage', 0o755],
  'no-interpreter': ['echo x\n', 0o755],
  private: ['#!/bin/sh\n', 0o700],
} as const;

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))(
  'what is promised of nspawn',
  () => {
    let pods: NspawnPods;
    beforeAll(async () => {
      pods = createNspawnPods();
      await pods.add({
        name: NAME,
        prepare: (rootfs) => {
          for (const [name, [text, mode]] of Object.entries(PROGRAMS)) {
            writeFileSync(join(rootfs, 'bin', name), text);
            chmodSync(join(rootfs, 'bin', name), mode);
          }
        },
      });
      await pods.add({
        name: LIMITED,
        app: { isolators: [{ name: 'resource/memory', value: { limit: '64M' } }] },
      });
      const handlers = [{ name: 'pre-start', exec: ['/bin/none'] }];
      await pods.add({
        name: UNPREPARED,
        app: { exec: ['/bin/echo', 'ran'], eventHandlers: handlers },
      });
    });
    afterAll(async () => {
      await pods[Symbol.asyncDispose]();
    });

    it.each([
      ['bad-interpreter', 127, 'the interpreter "/nope" is not in the image'],
      ['garbage', 126, 'not a program for this machine'],
      ['no-interpreter', 126, 'not a program for this machine'],
      ['private', 126, 'permission denied'],
      ['none', 127, 'no such file'],
    ])('an app that is %s ends with %i, and is told of', async (program, status, why) => {
      const args = [NAME, `--exec=/bin/${program}`, '--user=user', '--group=users'];
      const { exitCode, stderr } = await pods.run(args);

      expect(exitCode).toBe(status);
      expect(stderr).toContain(`cannot execute "/bin/${program}": ${why}`);
    });

    it('a program that ends with 203 of its own does end with it', async () => {
      const { exitCode } = await pods.run([NAME, '--exec=/bin/sh', '--', '-c', 'exit 203']);

      expect(exitCode).toBe(203);
    });

    it('systemd adds nothing to what an app finds', async () => {
      const { stdout } = await pods.run([NAME, '--exec=/bin/env']);
      const names = [...stdout.toString().matchAll(/^([A-Za-z_]+)=/gm)].map(
        ([, name = '']) => name,
      );

      const expected = ['AC_APP_NAME', 'HOME', 'LOGNAME', 'PATH', 'SHELL', 'USER', 'container'];

      expect(new Set(names)).toEqual(new Set(expected));
      expect(names).toHaveLength(expected.length);
    });

    it('isolators that do nothing yet are named', async () => {
      const { exitCode, stderr } = await pods.run([LIMITED]);

      expect(exitCode).toBe(0);
      expect(stderr).toContain('isolator "resource/memory" is ignored: it is not supported yet');
    });

    it('a handler that is not there is named, and the app does not run', async () => {
      const { exitCode, stdout, stderr } = await pods.run([UNPREPARED]);

      expect(exitCode).toBe(1);
      expect(stderr).toContain('cannot execute "/bin/none": no such file');
      expect(stdout.toString()).not.toContain('ran');
    });

    it('an interactive app and its caller write to one file in turn', async () => {
      const file = join(pods.context.workDir, 'written');
      const run = pods.context.argv('run', '--insecure-options=image', '--interactive', NAME);
      await throughShell(`{ echo before; "$@"; echo after; } >${file}`, [
        ...run,
        '--exec=/bin/echo',
        '--',
        'hello',
      ]);

      expect(readFileSync(file, 'utf8')).toBe('before\nhello\nafter\n');
    });

    it('an interactive app reads on where its caller stopped', async () => {
      const file = join(pods.context.workDir, 'read');
      writeFileSync(file, 'one\ntwo\n');
      const run = pods.context.argv('run', '--insecure-options=image', '--interactive', NAME);
      const stdout = await throughShell(`{ read -r x; "$@"; } <${file}`, [
        ...run,
        '--exec=/bin/cat',
      ]);

      expect(stdout).toBe('two\n');
    });

    it('a volume without recursion shows what lies under a mount, with it the mount', async () => {
      const source = join(pods.context.workDir, 'source');
      const script = [
        `mkdir -p ${source}/m && mount -t tmpfs tmpfs ${source}/m && touch ${source}/m/below`,
        '"$@"',
      ].join('; ');
      const run = (recursive: boolean): readonly string[] =>
        pods.context.argv(
          'run',
          '--insecure-options=image',
          '--interactive',
          `--volume=v,kind=host,source=${source},readOnly=true,recursive=${recursive}`,
          '--mount=volume=v,target=/v',
          NAME,
          '--exec=/bin/sh',
          '--',
          '-c',
          'ls /v/m; touch /v/m/x 2>&1',
        );

      const unshared = ['unshare', '--mount', 'sh', '-c', script, 'sh'] as const;
      const output = async (recursive: boolean): Promise<string> => {
        const argv = [...unshared, ...run(recursive)] as const;
        const result = await nodeExec.run({ argv, env: ENVIRONMENT });
        return result.stdout.toString();
      };

      expect(await output(true)).toMatch(/^below\n.*Read-only/);
      expect(await output(false)).toMatch(/^touch: .*Read-only/);
    });
  },
);

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

async function throughShell(script: string, args: readonly string[]): Promise<string> {
  const argv = ['sh', '-c', script, 'sh', ...args] as const;
  const result = await nodeExec.run({ argv, env: ENVIRONMENT });

  return result.stdout.toString();
}
