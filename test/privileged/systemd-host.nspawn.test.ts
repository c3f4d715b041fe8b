import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../helpers/eventually.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { addNotifier, NOTIFY_ANNOTATION } from '../helpers/notifier.ts';
import { GANTRY } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';
import { bootSystemdHost, type SystemdHost } from '../helpers/systemd-host.ts';
import { describeShippedUnits } from './shipped-units.ts';

const build = join(dirname(dirname(GANTRY)), '.build');

const possible = requires('root', 'overlay', 'nspawn', 'mount-namespace');

describe.runIf(possible).each(['as-here', 'v2'] as const)(
  'on a host with systemd, cgroups %s',
  (cgroups) => {
    let folder: string;
    let image: string;
    let host: SystemdHost;

    beforeAll(async () => {
      // The host has a /tmp of its own but sees the checkout.
      mkdirSync(build, { recursive: true });
      folder = mkdtempSync(join(build, 'host-'));
      image = await makeImage(folder, {
        name: 'example.com/systemd/sleep',
        app: { exec: ['/bin/sleep', '1000'] },
      });
      host = await bootSystemdHost(cgroups);
    }, 180_000);

    afterAll(async () => {
      await host?.[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    const gantry = (...args: readonly string[]): [string, ...string[]] => [
      GANTRY,
      `--dir=${host.dataDir}`,
      '--insecure-options=image',
      ...args,
    ];
    const run = (...args: readonly string[]): [string, ...string[]] =>
      gantry('run', '--net=none', image, ...args);
    const text = async (...argv: readonly [string, ...string[]]): Promise<string> =>
      (await host.run(...argv)).stdout.toString();

    it('has the cgroups that are meant', async () => {
      const type = (await text('stat', '-f', '-c', '%T', '/sys/fs/cgroup')).trim();

      expect(type === 'cgroup2fs').toBe(
        cgroups === 'v2' || existsSync('/sys/fs/cgroup/cgroup.controllers'),
      );
    });

    it('a unit gets the exit status of its pod', async () => {
      const result = await host.service(
        [],
        ...run('--exec=/bin/sh', '--', '-c', 'echo in the pod; exit 7'),
      );

      expect(result.stdout.toString()).toContain('in the pod');
      expect(result.exitCode).toBe(7);
    });

    it('a socket unit hands its sockets to the app that its first client starts', async () => {
      const listen = ['ListenStream=127.0.0.1:7070', 'FileDescriptorName=web'];
      await host.run(
        'systemd-run',
        '--quiet',
        '--unit=web',
        ...listen.map((each) => `--socket-property=${each}`),
        ...run(
          '--exec=/bin/sh',
          '--',
          '-c',
          'echo "has $LISTEN_FDS $LISTEN_FDNAMES"; readlink /proc/self/fd/3; exec sleep 1000',
        ),
      );
      await host.run('ip', 'link', 'set', 'lo', 'up');
      await host.run('bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/7070');

      expect(
        await eventually(
          'what it was given',
          async () =>
            await matching(text('journalctl', '-u', 'web.service'), /has 1 web[^]*socket:\[/),
        ),
      ).toBeTruthy();
      await host.run('systemctl', 'stop', 'web.socket', 'web.service');
    });

    it('a pod runs where no systemd can be asked', async () => {
      const hidden = 'mount -t tmpfs tmpfs /run/systemd && exec "$@"';
      const command = ['unshare', '--mount', 'sh', '-c', hidden, 'sh'];
      const result = await host.service(
        [],
        ...command,
        ...run('--exec=/bin/sh', '--', '-c', 'echo alone; exit 3'),
      );

      expect(result.stdout.toString()).toContain('alone');
      expect(result.exitCode).toBe(3);
    });

    it('machined knows a pod, journalctl -M reads it, systemctl stop ends it, and nothing is left', async () => {
      const start = ['systemd-run', '--quiet', '--unit=pod', '--slice=machine.slice'] as const;
      await host.run(
        ...start,
        ...run('--exec=/bin/sh', '--', '-c', 'echo words of the pod; exec sleep 1000'),
      );
      const machine = await eventually(
        'the machine',
        async () => /rkt-[0-9a-f-]{36}/.exec(await text('machinectl', 'list'))?.[0],
      );

      expect(
        await eventually(
          'its words',
          async () => await matching(text('journalctl', '-M', machine), /words of the pod/),
        ),
      ).toBeTruthy();
      expect(await text('systemctl', 'show', '-P', 'ControlGroup', 'pod')).toContain(
        'machine.slice',
      );

      await host.run('systemctl', 'stop', 'pod');
      expect(await text('machinectl', 'list')).not.toContain(machine);
      expect(await text('systemctl', 'show', '-P', 'Result', 'pod')).not.toContain('timeout');
      const find = [
        'find',
        '/sys/fs/cgroup',
        '-name',
        `*${machine.slice('rkt-'.length)}*`,
      ] as const;
      await eventually('the end of its cgroups', async () => (await text(...find)) === '');
      expect(await text(...gantry('list', '--no-legend'))).toContain('exited');
    });

    // With version 2 alone, the units below do.
    it.runIf(cgroups === 'as-here')(
      'Type=notify waits for an app that says when it is ready',
      async () => {
        const notifying = await makeImage(folder, {
          name: 'example.com/systemd/notify',
          app: { exec: ['/bin/sh', '-c', 'sleep 2; notify --ready; exec sleep 1000'] },
          manifest: {
            annotations: [NOTIFY_ANNOTATION],
          },
          prepare: addNotifier,
        });
        const properties = [
          '--unit=ready',
          '-p',
          'Type=notify',
          '-p',
          'NotifyAccess=all',
          '-p',
          'TimeoutStartSec=60',
        ];
        const before = Date.now();
        const started = await host.run(
          'systemd-run',
          '--quiet',
          ...properties,
          ...gantry('run', '--net=none', notifying),
        );

        expect(started.exitCode).toBe(0);
        expect(Date.now() - before).toBeGreaterThan(2000);
        expect((await text('systemctl', 'is-active', 'ready')).trim()).toBe('active');
        await host.run('systemctl', 'stop', 'ready');
      },
    );

    it('a pod whose unit is killed leaves no process', async () => {
      await host.run('systemd-run', '--quiet', '--unit=victim', ...run());
      await eventually(
        'the app',
        async () => await matching(text('ps', '-e', '-o', 'args'), /^\/bin\/sleep 1000$/m),
      );
      await host.run('systemctl', 'kill', '--signal=KILL', '--kill-whom=main', 'victim');

      await eventually(
        'the end of the app',
        async () => !/^\/bin\/sleep 1000$/m.test(await text('ps', '-e', '-o', 'args')),
      );
      await eventually('machined', async () => !/rkt-/.test(await text('machinectl', 'list')));
    });

    // Their text does not depend on the version of cgroups, and a boot is saved.
    if (cgroups === 'v2') {
      describeShippedUnits(
        () => host,
        () => folder,
      );
    }
  },
);

async function matching(output: Promise<string>, pattern: RegExp): Promise<string | undefined> {
  return pattern.exec(await output)?.[0];
}
