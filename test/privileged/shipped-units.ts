import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess } from '#base/exec/node-exec';
import { eventually } from '../helpers/eventually.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { addNotifier, NOTIFY_ANNOTATION } from '../helpers/notifier.ts';
import { GANTRY } from '../helpers/pod-context.ts';
import type { SystemdHost } from '../helpers/systemd-host.ts';

/** Says what it was given and may, is ready when it is told to go on, and stays. */
const APP =
  'echo "given: $1, files: $(ulimit -n)"; until [ -e /go/on ]; do sleep 0.1; done; notify --ready; exec sleep 1000';

/** What an operator installs: units as they are built, and a file of arguments. */
const POD_FILE = `# The web server.
POD_ARGS="--insecure-options=image --net=none
  --volume=go,kind=host,source=/run/go --mount=volume=go,target=/go
  example.com/systemd/units -- 'two words'"
`;
const LIMITS = '[Service]\nSlice=test.slice\nLimitNOFILE=2048:4096\n';

/** As the documentation of rkt and CoreOS had them; only the program's name is another. */
const LEGACY_UNIT = `[Unit]
Description=%p of %i

[Service]
Slice=machine.slice
Environment=IMAGE=example.com/systemd/units
ExecStartPre=/bin/mkdir -p /run/go
ExecStartPre=-/usr/bin/rkt rm --uuid-file=/run/%p-%i.uuid
ExecStart=/usr/bin/rkt --insecure-options=image run \\
  --uuid-file-save=/run/%p-%i.uuid \\
  --net=none \\
  --volume go,kind=host,source=/run/go,readOnly=true \\
  --mount volume=go,target=/go \\
  \${IMAGE} \\
  --exec=/bin/sh -- -c "echo this is %p of %i; exec sleep 2000"
ExecStop=-/usr/bin/rkt stop --uuid-file=/run/%p-%i.uuid
ExecStopPost=/usr/bin/rkt gc --mark-only
KillMode=mixed
Restart=always
`;

/** The shipped units, on a host that has nothing of gantry's yet. */
export function describeShippedUnits(givenHost: () => SystemdHost, folder: () => string): void {
  describe('the units that come with gantry', () => {
    let host: SystemdHost;
    const run = async (...argv: readonly [string, ...string[]]): Promise<string> =>
      demandSuccess(await host.run(...argv), argv.join(' '))
        .stdout.toString()
        .trim();
    const write = async (path: string, text: string): Promise<unknown> =>
      await run('sh', '-c', 'mkdir -p "${1%/*}" && printf %s "$2" >"$1"', 'sh', path, text);
    const show = async (property: string, unit = 'gantry@web'): Promise<string> =>
      await run('systemctl', 'show', '-P', property, unit);
    const pods = async (...flags: readonly string[]): Promise<readonly string[]> =>
      (await run('gantry', 'list', '--full', '--no-legend', ...flags)).split('\n').filter(Boolean);
    const running = async (): Promise<string | undefined> =>
      (await pods('--state=running', '--pod-name=web'))[0]?.split(/\s/)[0];
    const saying = async (unit: string, words: string): Promise<string> =>
      await eventually(`"${words}" in the journal of ${unit}`, async () => {
        const said = await run('journalctl', '-u', unit, '-o', 'cat');
        return said.includes(words) ? said : undefined;
      });

    beforeAll(async () => {
      host = givenHost();
      const image = await makeImage(folder(), {
        name: 'example.com/systemd/units',
        app: { exec: ['/bin/sh', '-c', APP, 'sh'] },
        manifest: { annotations: [NOTIFY_ANNOTATION] },
        prepare: addNotifier,
      });
      await run('sh', '-c', `ln -s ${GANTRY} /usr/bin/gantry && mkdir -p /run/go /var/lib/gantry`);
      await run('mount', '--bind', host.dataDir, '/var/lib/gantry');
      await run('gantry', '--insecure-options=image', 'fetch', image);
      const units = join(GANTRY, '..', 'systemd');
      await run('sh', '-c', `cp ${units}/* /etc/systemd/system/`);
      await write('/etc/gantry/pods/web.env', POD_FILE);
      await write('/etc/systemd/system/gantry@web.service.d/limits.conf', LIMITS);
      const legacy = LEGACY_UNIT.replaceAll('/usr/bin/rkt', '/usr/bin/gantry');
      await write('/etc/systemd/system/etcd@.service', legacy);
      await run('systemctl', 'daemon-reload');
    }, 120_000);

    it('have nothing that systemd complains of', async () => {
      const { stderr } = await host.run(
        ...(['systemd-analyze', 'verify', 'gantry@web.service', 'gantry-gc.timer'] as const),
      );

      expect(stderr).toBe('');
    });

    it('run a pod of a file of arguments, with the slice and limits of its unit, ready when its apps are', async () => {
      await run('systemctl', 'start', '--no-block', 'gantry@web');
      await saying('gantry@web', 'given: two words, files: 2048');
      expect(await show('ActiveState')).toBe('activating');

      await write('/run/go/on', '');
      await eventually('gantry@web', async () => (await show('ActiveState')) === 'active');
      expect(await running()).toBeDefined();
      const app = await run('pgrep', '-fx', 'sleep 1000');
      expect(await run('cat', `/proc/${app}/cgroup`)).toContain('/test.slice/gantry@web.service/');
    });

    it('start a pod anew when it was killed, and machined forgets the one that was', async () => {
      await write('/run/go/on', '');
      await run('systemctl', 'start', 'gantry@web');
      const before = await running();
      await run('systemctl', 'kill', '--signal=KILL', '--kill-whom=main', 'gantry@web');
      const after = await eventually('another pod', async () => {
        const uuid = await running();
        return uuid === before ? undefined : uuid;
      });
      await eventually('gantry@web', async () => (await show('ActiveState')) === 'active');

      expect(await run('machinectl', 'list', '--no-legend')).toMatch(
        new RegExp(`^rkt-${after} .*$`),
      );
      expect(await run('pgrep', '-fx', 'sleep 1000')).toMatch(/^\d+$/);
    });

    it('restart and stop a pod in order, and it is collected', async () => {
      await write('/run/go/on', '');
      await run('systemctl', 'start', 'gantry@web');
      const before = await running();
      await run('systemctl', 'restart', 'gantry@web');
      const after = await running();
      expect(after).toBeDefined();
      expect(after).not.toBe(before);

      await run('systemctl', 'stop', 'gantry@web');
      expect(await show('ActiveState')).toBe('inactive');
      expect(await show('Result')).toBe('success');
      expect(await run('machinectl', 'list', '--no-legend')).toBe('');
      expect(await pods('--pod-name=web', '--state=running,exited,orphaned')).toEqual([]);

      await write('/etc/systemd/system/gantry-gc.service.d/now.conf', GC_AT_ONCE);
      await run('systemctl', 'daemon-reload');
      await run('systemctl', 'start', 'gantry-gc.timer');
      expect(await show('ActiveState', 'gantry-gc.timer')).toBe('active');
      await run('systemctl', 'stop', 'gantry-gc.timer');
      await run('systemctl', 'start', 'gantry-gc.service');
      expect(await pods('--pod-name=web')).toEqual([]);
    });

    it('are not needed: a template written for rkt works with another program name', async () => {
      await run('systemctl', 'start', 'etcd@one');
      await saying('etcd@one', 'this is etcd of one');
      const first = await run('cat', '/run/etcd-one.uuid');
      expect(await show('ControlGroup', 'etcd@one')).toMatch(/^\/machine\.slice\//);

      await run('systemctl', 'restart', 'etcd@one');
      const second = await eventually('the second pod', async () => {
        const uuid = await run('cat', '/run/etcd-one.uuid');
        return uuid !== first && (await pods('--state=running')).join().includes(uuid) && uuid;
      });
      expect((await pods()).join()).not.toContain(first);

      await run('systemctl', 'stop', 'etcd@one');
      expect(await show('Result', 'etcd@one')).toBe('success');
      expect((await pods('--state=exited garbage')).join()).toContain(second);
      expect((await host.run('pgrep', '-fx', 'sleep 2000')).stdout.toString()).toBe('');
    });
  });
}

const GC_AT_ONCE = '[Service]\nEnvironment=GRACE_PERIOD=0s\n';
