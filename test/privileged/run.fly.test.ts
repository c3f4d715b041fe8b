import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { eventually } from '../helpers/eventually.ts';
import { inShell } from '../helpers/in-shell.ts';
import { onTerminal } from '../helpers/on-terminal.ts';
import { requires } from '../helpers/requires.ts';
import { readFacts } from '../probe/verbs.ts';

const NAME = 'example.com/run-fly';
const sh = inShell(NAME);
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Runs a shell of the host that sets something and then becomes gantry. */
async function throughShell(
  pods: FlyPods,
  setting: string,
  args: readonly string[],
): Promise<string> {
  const result = await nodeExec.run({
    argv: ['sh', '-c', `${setting}; exec "$@"`, 'sh', ...pods.argv(...args)],
    env: ENVIRONMENT,
  });

  return result.stdout.toString();
}

describe.runIf(requires('root', 'overlay', 'mount-namespace', 'busybox'))(
  'gantry run (fly)',
  () => {
    let pods: FlyPods;
    let dir: string;
    beforeAll(async () => {
      pods = createFlyPods();
      dir = mkdtempSync(join(tmpdir(), 'fly-'));
      await pods.add({
        name: NAME,
        app: {
          environment: [
            { name: 'A', value: 'image' },
            { name: 'B', value: 'image' },
          ],
        },
        prepare: (rootfs) => {
          mkdirSync(join(rootfs, 'opt'));
          writeFileSync(join(rootfs, 'opt', 'data'), '');
          writeFileSync(join(rootfs, 'opt', 'noexec'), '#!/bin/sh\n', { mode: 0o644 });
          writeFileSync(join(rootfs, 'opt', 'nointerpreter'), '#!/no/such\n', { mode: 0o755 });
        },
      });
    });
    afterAll(async () => {
      rmSync(dir, { recursive: true });
      await pods[Symbol.asyncDispose]();
    });

    describe('run()', () => {
      it.each([
        ['exit 0', 0],
        ['exit 7', 7],
        ['kill -TERM $$', 143],
        ['kill -KILL $$', 137],
      ])('of "%s" ends as the app does, with %i', async (script, expected) => {
        const { exitCode, signal } = await pods.run(sh(script));

        const signals: Readonly<Record<string, number>> = { SIGTERM: 143, SIGKILL: 137 };
        expect(exitCode ?? signals[signal ?? '']).toBe(expected);
      });

      it.each([
        ['/opt/none', 127],
        ['none', 127],
        ['/opt/noexec', 126],
        ['/opt', 126],
        ['/opt/nointerpreter', 127],
      ])('of %s ends with %i', async (program, expected) => {
        const { exitCode, stderr } = await pods.run([NAME, `--exec=${program}`]);

        expect(exitCode).toBe(expected);
        expect(stderr).toContain(`cannot execute "${program}"`);
      });

      it('passes standard input, output and error through', async () => {
        const { stdout, stderr } = await pods.run(sh('cat; echo err >&2'), { input: 'in' });

        expect(stdout.toString()).toBe('in');
        expect(stderr).toMatch(/err\n$/);
      });

      it('finds programs in PATH and in the working directory', async () => {
        const byPath = await pods.run([NAME, '--exec=echo', '--', 'x']);
        const relative = await pods.run([NAME, '--exec=./echo', '--working-dir=/bin', '--', 'y']);

        expect(byPath.stdout.toString() + relative.stdout.toString()).toBe('x\ny\n');
      });
    });

    it('is stopped as a shell on a terminal, which takes no notice of SIGTERM', async () => {
      const shell = onTerminal(pods.argv('--pod-name=shell', NAME, '--exec=/bin/sh'));
      await eventually('the shell asks', async () => shell.shown().includes('# '));
      const stopped = await pods.context.gantry(['stop', '--timeout=20s', 'shell']);

      expect(stopped).toMatchObject({ exitCode: 0, stderr: '' });
      // By SIGHUP; SIGKILL would be 137.
      expect((await shell.ended).exitCode).toBe(129);
    });

    describe('what the app inherits', () => {
      it('are the descriptors of the caller and the lock, no more', async () => {
        const { stdout } = await pods.run(sh('probe() { ls -l /proc/$$/fd; }; probe'), {
          stdin: 'inherit',
        });
        const leading = stdout.toString().match(/ -> .*/g) ?? [];

        expect(leading).toHaveLength(4);
        expect(leading.at(-1)).toMatch(/pods\/run\/[0-9a-f-]{36}$/);
      });

      it('are sockets of socket activation, with the variables that tell of them', async () => {
        const script = 'echo "$LISTEN_FDS $LISTEN_FDNAMES $LISTEN_PID $$"; cat <&3';
        const shell = `exec 3<<HERE
handed over
HERE
LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$; export LISTEN_FDS LISTEN_FDNAMES LISTEN_PID`;
        const output = await throughShell(pods, shell, sh(script));

        expect(output).toMatch(/^1 web (\d+) \1\nhanded over\n$/);
      });

      it('are ignored signals, limits and umask of the caller', async () => {
        const setting = "trap '' HUP; ulimit -Sn 777; umask 027";
        const output = await throughShell(pods, setting, [
          NAME,
          '--exec=/bin/sh',
          '--',
          '-c',
          'grep -E "Sig(Ign|Blk)" /proc/self/status; ulimit -Sn; umask',
        ]);

        expect(output.replaceAll('\t', ' ').split('\n')).toEqual([
          'SigBlk: 0000000000000000',
          'SigIgn: 0000000000000001',
          '777',
          '0027',
          '',
        ]);
      });

      it('are default dispositions where the caller ignored nothing', async () => {
        const { stdout } = await pods.run([
          NAME,
          '--exec=/bin/grep',
          '--',
          'SigIgn',
          '/proc/self/status',
        ]);

        expect(stdout.toString()).toBe('SigIgn:\t0000000000000000\n');
      });

      it('is the same process: no Node is left, the caller is the parent', async () => {
        const { stdout } = await pods.run(sh('echo $PPID; cat /proc/$PPID/comm'));
        const [parent, name] = stdout.toString().split('\n');

        expect(Number(parent)).toBe(process.pid);
        expect(name).toBe(readFileSync('/proc/self/comm', 'utf8').trim());
      });
    });

    describe('environment', () => {
      it('is the defaults and the image, nothing of gantry or the caller', async () => {
        const { stdout } = await pods.run([NAME, '--exec=/bin/env'], {
          env: { ...ENVIRONMENT, NODE_OPTIONS: '--no-warnings', SECRET: 'x' },
        });

        expect(stdout.toString().trim().split('\n').sort()).toEqual([
          'A=image',
          'AC_APP_NAME=run-fly',
          'B=image',
          'HOME=/root',
          'LOGNAME=root',
          'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          'SHELL=/bin/sh',
          'USER=root',
          'container=gantry',
        ]);
      });

      it('layers parent, image, file, flag and app', async () => {
        const file = join(dir, 'env');
        writeFileSync(file, '# comment\n\nB=file\nC=file\n; more\nD=file\n');
        const { stdout } = await pods.run(
          [
            '--inherit-env',
            `--set-env-file=${file}`,
            '--set-env=C=flag',
            NAME,
            '--exec=/bin/env',
            '--environment=D=app',
          ],
          { env: { ...ENVIRONMENT, A: 'parent', P: 'parent', NODE_OPTIONS: '--no-warnings' } },
        );
        const lines = stdout.toString().split('\n');

        expect(lines).toEqual(
          expect.arrayContaining([
            'A=image',
            'B=file',
            'C=flag',
            'D=app',
            'P=parent',
            'NODE_OPTIONS=--no-warnings',
          ]),
        );
        expect(lines.filter((line) => line.startsWith('GANTRY_'))).toEqual([]);
      });

      it('hands a variable down as it is, or says that it cannot', async () => {
        const script = 'LATIN=$(printf "\\344") "$@"';
        const started = async (...flags: readonly string[]) =>
          await nodeExec.run({
            argv: ['sh', '-c', script, 'sh', ...pods.argv(...flags, NAME, '--exec=/bin/true')],
            env: { ...ENVIRONMENT, LEGAL: '\uFFFD' },
          });

        expect((await started()).exitCode).toBe(0);
        const refused = await started('--inherit-env');
        expect(refused.exitCode).toBe(254);
        expect(refused.stderr).toContain('cannot hand down variable "LATIN"');
      });
    });

    describe('users', () => {
      it.each([
        [['--user=user', '--group=users'], '1000\n100\n100'],
        [['--user=1234', '--group=5678', '--supplementary-gids=7,8'], '1234\n5678\n5678 7 8'],
        [['--user=/etc/passwd', '--group=/etc/passwd'], '0\n0\n0'],
      ])('%s are found in the image', async (flags, expected) => {
        const { stdout } = await pods.run([
          NAME,
          ...flags,
          '--exec=/bin/sh',
          '--',
          '-c',
          'id -u; id -g; id -G',
        ]);

        expect(stdout.toString().trim()).toBe(expected);
      });

      it('that are not there are refused', async () => {
        const { exitCode, stderr } = await pods.run([NAME, '--user=nobody']);

        expect(exitCode).toBe(254);
        expect(stderr).toContain('cannot run as user "nobody": no such user');
      });
    });

    describe('names', () => {
      it('are left to the image unless asked for', async () => {
        const { stdout } = await pods.run([
          '--dns=1.1.1.1',
          '--dns-search=example.com',
          '--hosts-entry=10.0.0.1=a',
          NAME,
          '--exec=/bin/probe',
          '--',
          'resolv',
          'hosts',
        ]);
        const facts = readFacts(stdout.toString());

        expect(facts.get('resolv')).toEqual(
          expect.arrayContaining(['search example.com', 'nameserver 1.1.1.1']),
        );
        expect(facts.get('hosts')).toContain('10.0.0.1\ta');
        const plain = await pods.run(sh('ls /etc'));
        expect(plain.stdout.toString()).not.toContain('resolv.conf');
      });
    });

    describe('handlers', () => {
      it('run before the app, as root; a failing one ends the pod', async () => {
        const handled = (script: string) => ({
          exec: ['/bin/sh', '-c', 'id -u; cat /tmp/made'],
          user: '1000',
          group: '100',
          eventHandlers: [{ name: 'pre-start', exec: ['/bin/sh', '-c', script] }],
        });
        await pods.add({
          name: 'example.com/handled',
          app: handled('id -u; echo early >/tmp/made; chmod 644 /tmp/made'),
        });
        await pods.add({ name: 'example.com/failing', app: handled('exit 9') });

        const good = await pods.run(['example.com/handled']);
        expect(good.stdout.toString()).toBe('0\n1000\nearly\n');
        const bad = await pods.run(['example.com/failing']);
        expect(bad.exitCode).toBe(9);
        const failed = 'cannot run the pre-start handler of app "failing": "/bin/sh" exited with 9';
        expect(bad.stderr).toContain(failed);
      });
    });

    describe('what fly cannot do', () => {
      it.each([
        [[NAME, '---', NAME, '--name=second'], 'cannot run 2 apps in one pod'],
        [['--net=none', NAME], 'cannot give a pod a network of its own'],
        [['--net=default', NAME], 'cannot give a pod a network of its own'],
      ])('%j is refused', async (args, message) => {
        const { exitCode, stderr } = await pods.run(args);

        expect(exitCode).toBe(254);
        expect(stderr).toContain(message);
      });

      it('is to run post-stop handlers', async () => {
        await pods.add({
          name: 'example.com/after',
          app: { eventHandlers: [{ name: 'post-stop', exec: ['/bin/true'] }] },
        });
        const { exitCode, stderr } = await pods.run(['example.com/after']);

        expect(exitCode).toBe(254);
        expect(stderr).toContain('cannot run the post-stop handler of app "after"');
      });
    });

    describe('copies instead of overlays', () => {
      it('run as well, and read-only', async () => {
        const { stdout } = await pods.run([
          '--no-overlay',
          NAME,
          '--readonly-rootfs=true',
          '--exec=/bin/sh',
          '--',
          '-c',
          'touch /x 2>/dev/null || echo refused; grep -c overlay /proc/self/mountinfo',
        ]);

        expect(stdout.toString()).toBe('refused\n0\n');
      });
    });
  },
);
