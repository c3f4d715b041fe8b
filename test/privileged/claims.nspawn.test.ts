import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/claims-nspawn';
const LIMITED = 'example.com/claims-limited';
const UNPREPARED = 'example.com/claims-unprepared';
const CLOSED = 'example.com/claims-closed';
const HANDLED = 'example.com/claims-handled';
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
          mkdirSync(join(rootfs, 'closed'));
          writeFileSync(join(rootfs, 'closed', 'program'), '#!/bin/sh\n', { mode: 0o755 });
          chmodSync(join(rootfs, 'closed'), 0o700);
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
      await pods.add({ name: CLOSED, prepare: (rootfs) => chmodSync(rootfs, 0o700) });
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

    it.each<readonly [why: string, args: readonly string[]]>([
      [
        'cannot run app "claims-closed" in "/": permission denied',
        [CLOSED, '--user=user', '--exec=/bin/true'],
      ],
      [
        'cannot run app "claims-nspawn" in "/closed": permission denied',
        [NAME, '--user=user', '--working-dir=/closed', '--exec=/bin/true'],
      ],
      [
        'cannot execute "/closed/program": permission denied',
        [NAME, '--user=user', '--exec=/closed/program'],
      ],
      [
        'cannot execute "/bin/true": the variable "BIG" is longer than 128 KiB',
        [NAME, '--set-env-file=BIG', '--exec=/bin/true'],
      ],
    ])('says "%s", whatever the flavor', async (why, args) => {
      const file = join(pods.context.workDir, 'big');
      writeFileSync(file, `BIG=${'x'.repeat(131_072)}\n`);
      const [image = '', ...flags] = args;
      for (const flavor of ['nspawn', 'fly']) {
        const { exitCode, stderr } = await pods.run([
          `--stage1-name=${flavor}`,
          '--net=host',
          image,
          ...flags.map((flag) => (flag === '--set-env-file=BIG' ? `--set-env-file=${file}` : flag)),
        ]);

        expect(stderr).toContain(why);
        expect(exitCode).toBe(126);
      }
    });

    it('an app that systemd cannot start says at what that failed', async () => {
      const volume = join(pods.context.workDir, 'volume');
      mkdirSync(volume, { recursive: true });
      writeFileSync(join(volume, 'busy'), '#!/bin/sh\n', { mode: 0o755 });
      // ETXTBSY, execve(2).
      const writer = openSync(join(volume, 'busy'), 'r+');
      const args = [
        `--volume=data,kind=host,source=${volume}`,
        NAME,
        '--mount=volume=data,target=/data',
        '--exec=/data/busy',
      ];
      const { exitCode, stderr } = await pods.run(['--pod-name=busy', ...args]);
      const interactive = await pods.run(['--interactive', ...args]);
      closeSync(writer);
      const logs = (await pods.context.gantry(['logs', 'busy'])).stderr;
      const status = (await pods.context.gantry(['status', 'busy'])).stdout.toString();
      const why = 'gantry: cannot run app "claims-nspawn": its systemd failed at step EXEC\n';

      expect(exitCode).toBe(126);
      expect(stderr).toContain(why);
      expect(logs).toContain(why);
      expect(status).toMatch(/^app-\S+=126\n[^]*^reason-\S+=not-started$/m);
      expect(interactive.exitCode).toBe(126);
      expect(interactive.stderr).toContain(why);
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
      const why = 'cannot execute "/bin/none": no such file';
      const handler = 'the pre-start handler of app "claims-unprepared"';
      expect(stderr).toContain(`error: cannot run ${handler}: ${why}\n`);
      expect(stderr).not.toContain('gantry: ');
      expect(stdout.toString()).not.toContain('ran');
    });

    it.each([
      ['pre-start', ['/bin/sh', '-c', 'exit 4\n'], '"/bin/sh" exited with 4'],
      ['post-stop', ['/bin/sh', '-c', 'kill -KILL $$'], '"/bin/sh" was ended by SIGKILL'],
      ['post-stop', ['/none'], 'cannot execute "/none": no such file'],
    ] as const)('a %s handler %j that fails is told of', async (kind, exec, how) => {
      const name = `${HANDLED}-${Math.random().toString(36).slice(2)}`;
      const handler = { name: kind, exec };
      await pods.add({ name, app: { exec: ['/bin/true'], eventHandlers: [handler] } });
      const app = name.slice('example.com/'.length);
      const why = `gantry: cannot run the ${kind} handler of app "${app}": ${how}\n`;
      for (const flag of ['--pod-name=x', '--interactive']) {
        const { exitCode, stderr } = await pods.run([flag.replace('=x', `=${app}`), name]);

        expect(stderr).toContain(why);
        expect(exitCode).toBe(1);
      }
      expect((await pods.context.gantry(['logs', app])).stderr).toContain(why);
    });

    it('of several apps that cannot be executed each is named', async () => {
      const app = (name: string): readonly string[] => [NAME, `--name=${name}`, '--exec=/none'];
      const { stderr } = await pods.run([...app('one'), '---', ...app('two')]);

      expect(stderr).toContain('app "one": cannot execute "/none": no such file');
      expect(stderr).toContain('app "two": cannot execute "/none": no such file');
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
