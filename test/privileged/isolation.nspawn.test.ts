import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { placeHostPrograms } from '../helpers/host-programs.ts';
import { createNspawnPods, type Facts, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/isolation';
/** The 14 capabilities of appc, as the kernel shows them. */
const FOURTEEN = '00000000a80425fb';
const NO_CAPABILITY = '0000000000000000';

const CLONE = process.arch === 'arm64' ? 220 : 56;
const MOUNT = process.arch === 'arm64' ? 40 : 165;
/** What comes of clone for a user and a network namespace, of calls that are refused, and of one that no kernel has yet. */
const CALLS = `
sub told { my ($name, @call) = @_; my $result = syscall(shift @call, @call, 0, 0, 0, 0);
  exit if $result == 0 && $name =~ /clone/;
  print "$name: " . ($result < 0 ? $! : 'fine') . "\\n" }
$| = 1;
told('clone', ${CLONE}, 0x50000011); told('plain clone', ${CLONE}, 0x11); told('clone3', 435);
told('mount', ${MOUNT}); told('newest', 999);
`;

function status(facts: Facts, field: string): string | undefined {
  return facts('status')
    .find((line) => line.startsWith(`${field}:`))
    ?.split(/\s+/)[1];
}

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox', 'netns'))(
  'nspawn isolation',
  () => {
    let pods: NspawnPods;
    beforeAll(async () => {
      pods = createNspawnPods();
      await pods.add({ name: NAME });
    });
    afterAll(async () => {
      await pods[Symbol.asyncDispose]();
    });

    /** What a script prints in the app, `also` being among the insecure options. */
    async function output(
      script: string,
      also?: string,
      flags: readonly string[] = [],
    ): Promise<string> {
      const args = ['--interactive', ...flags, NAME, '--exec=/bin/sh', '--', '-c', script];
      const { stdout, stderr } = await pods.run(args, also === undefined ? {} : { also });
      return `${stdout.toString()}${stderr}`;
    }

    it('gives root the fourteen capabilities, a filter, and the caller’s signals', async () => {
      const facts = await pods.probe(NAME, ['status']);

      expect(status(facts, 'CapBnd')).toBe(FOURTEEN);
      expect(status(facts, 'CapEff')).toBe(FOURTEEN);
      expect(status(facts, 'CapAmb')).toBe(NO_CAPABILITY);
      expect(status(facts, 'Seccomp')).toBe('2');
      expect(status(facts, 'SigIgn')).toBe(NO_CAPABILITY);
      expect(status(facts, 'SigBlk')).toBe(NO_CAPABILITY);
    });

    it('gives another user no capability, and no way to new privileges', async () => {
      const text = await outputAs('grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status');
      expect(text).toMatch(new RegExp(`CapEff:\\s+${NO_CAPABILITY}\\nCapBnd:\\s+${FOURTEEN}`));
      expect(text).toMatch(/NoNewPrivs:\s+1/);
    });

    async function outputAs(script: string): Promise<string> {
      const args = ['--interactive', NAME, '--user=1000', '--group=100', '--exec=/bin/sh'];
      const { stdout } = await pods.run([...args, '--', '-c', script]);
      return stdout.toString();
    }

    it('gives another user the capabilities that its image retains by name', async () => {
      const image = 'example.com/retains';
      const value = { set: ['CAP_NET_ADMIN', 'CAP_SYS_TIME'] };
      await pods.add({
        name: image,
        app: {
          user: '1000',
          group: '100',
          isolators: [{ name: 'os/linux/capabilities-retain-set', value }],
        },
      });
      const facts = await pods.probe(image, ['status']);

      expect(status(facts, 'CapEff')).toBe('0000000002001000');
      expect(status(facts, 'CapBnd')).toBe('0000000002001000');
    });

    it('honours no-new-privileges and seccomp of the image', async () => {
      const image = 'example.com/filtered';
      const seccomp = { set: ['mkdir', 'mkdirat'], errno: 'ENOSYS' };
      await pods.add({
        name: image,
        app: {
          exec: ['/bin/sh', '-c', 'grep NoNewPrivs /proc/self/status; mkdir /tmp/x'],
          isolators: [
            { name: 'os/linux/no-new-privileges', value: true },
            { name: 'os/linux/seccomp-remove-set', value: seccomp },
          ],
        },
      });
      const { stdout, stderr } = await pods.run(['--interactive', image]);

      expect(stdout.toString()).toMatch(/NoNewPrivs:\s+1/);
      expect(stderr).toContain('Function not implemented');
    });

    it('refuses what the default filter and capabilities refuse', async () => {
      const text = await output('mount -t tmpfs x /tmp; unshare true; ls /proc/1/root');

      expect(text).toMatch(/mount: .*denied/);
      expect(text).toMatch(/\/proc\/1\/root/);
    });

    it('lets no process make namespaces, nor hides that a call is too new', async () => {
      const image = 'example.com/namespaces';
      await pods.add({
        name: image,
        files: { '/calls.pl': CALLS },
        prepare: (rootfs) => placeHostPrograms(rootfs, ['/usr/bin/perl']),
      });
      const said = async (also?: string): Promise<string> => {
        const args = ['--interactive', image, '--user=1000', '--group=100', '--exec=/usr/bin/perl'];
        return (
          await pods.run([...args, '--', '/calls.pl'], also === undefined ? {} : { also })
        ).stdout.toString();
      };

      const guarded = [
        'clone: Operation not permitted',
        'plain clone: fine',
        'clone3: Function not implemented',
        'mount: Operation not permitted',
        'newest: Function not implemented',
      ];
      expect((await said()).trim().split('\n')).toEqual(guarded);
      expect((await said('capabilities')).trim().split('\n')).toEqual(guarded);
      expect(await said('seccomp')).toMatch(
        /^clone: fine\nplain clone: fine\nclone3: Invalid argument\n/,
      );
    });

    it('has the closed set of devices, and lets none be added', async () => {
      const facts = await pods.probe(NAME, ['devices']);
      const text = await output('mknod /tmp/d b 254 0; cat /tmp/d; echo x >/dev/null && echo fine');

      expect(facts('devices').join(' ')).toBe(
        'console fd full log mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero',
      );
      expect(text).toMatch(/^fine\n[^]*mknod: .*not permitted/);
    });

    it('masks and write-protects kernel paths', async () => {
      const text = await output(
        'cat /proc/kallsyms | wc -c; ls /proc/acpi | wc -l; echo 1 >/proc/sys/vm/panic_on_oom; ls /sys/firmware; touch /sys/kernel/x',
      );

      expect(text).toMatch(/^0\n0\n/);
      expect(text).toMatch(/panic_on_oom: Read-only file system/);
      expect(text).toMatch(/\/sys\/kernel\/x/);
    });

    it.each([
      ['capabilities', 'grep CapBnd /proc/self/status', FOURTEEN],
      ['seccomp', 'grep "^Seccomp:" /proc/self/status', '2'],
    ])('drops one safeguard by the word %s', async (word, script, guarded) => {
      expect(await output(script)).toContain(guarded);
      expect((await output(script, word)).split('\n')[0]).not.toContain(guarded);
    });

    it('drops masks and device policy by the word paths, and nothing else', async () => {
      const script =
        'head -c 1 /proc/kallsyms | wc -c; grep -E "^(CapBnd|Seccomp):" /proc/self/status';
      const text = await output(script, 'paths');

      expect(text).toMatch(/^1\n/);
      expect(text).toContain(FOURTEEN);
      expect(text).toMatch(/Seccomp:\s+2/);
    });

    it('has namespaces of its own, the network included', async () => {
      const facts = await pods.probe(NAME, ['namespaces', 'processes'], ['--net=none']);
      const own = new Map(facts('namespaces').map((line) => line.split(' ') as [string, string]));

      for (const name of ['mnt', 'net', 'pid', 'ipc', 'uts', 'cgroup']) {
        expect(own.get(name)).toMatch(/^\w+:\[\d+\]$/);
        expect(own.get(name)).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
      }
      expect(facts('processes')[0]).toBe('1 systemd');
    });

    it('shares the network of the caller when told to', async () => {
      const facts = await pods.probe(NAME, ['namespaces'], ['--net=host']);

      expect(facts('namespaces')).toContain(`net ${readlinkSync('/proc/self/ns/net')}`);
    });

    it('has only lo, and it is up, with --net=none', async () => {
      const text = await output(
        'cat /proc/net/dev | wc -l; nc -l -p 80 -e true & sleep 1; nc 127.0.0.1 80 </dev/null && echo up',
      );

      expect(text).toMatch(/^3\n[^]*up/);
    });

    it('passes a device that is a volume', async () => {
      const text = await output('echo x >/dev/mine; ls /dev | wc -l', undefined, [
        '--volume=d,kind=host,source=/dev/full',
        '--mount=volume=d,target=/dev/mine',
      ]);

      expect(text).toMatch(/No space left on device/);
    });

    it('has the limits of the caller, not those of Node or systemd', async () => {
      const [program, ...args] = pods.context.argv(
        'run',
        '--insecure-options=image',
        '--interactive',
        NAME,
        '--exec=/bin/probe',
        '--',
        'limits',
      );
      const set = 'ulimit -Sn 777; ulimit -Ss 4096; ulimit -Sc 8; ulimit -Sp 3000';
      const limited = ['sh', '-ec', `${set}; exec "$@"`, 'sh', program, ...args] as const;
      const result = await nodeExec.run({ argv: limited, env: { PATH: '/usr/bin:/bin' } });
      const limits = demandSuccess(result, 'run the probe').stdout.toString();

      expect(limits).toMatch(/Max open files\s+777\s/);
      expect(limits).toMatch(/Max stack size\s+4194304\s/);
      expect(limits).toMatch(/Max core file size\s+(4096|8192)\s/);
      expect(limits).toMatch(/Max processes\s+3000\s/);
    });

    it('leaves no trace in the host’s mount table', async () => {
      const before = readFileSync('/proc/self/mountinfo', 'utf8');
      const pod = await pods.start([NAME, '--exec=/bin/sh', '--', '-c', 'echo ready; sleep 60']);

      expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(before);
      const ppid = readFileSync(join(pod.dir, 'ppid'), 'utf8').trim();
      expect(Number(ppid)).toBe(pod.program.pid);
      expect(readlinkSync(`/proc/${ppid}/exe`)).not.toMatch(/node/);
      pod.program.kill('SIGTERM');
      expect((await pod.program.ended).exitCode).toBe(0);
    });
  },
);
