import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { CLONE, MS } from '#base/kernel/kernel';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { inNetns } from '#cni';

export const NETWORK_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

/** A host of the test's own: network and mount namespaces in which nothing can touch the real one. */
export interface NetworkHost extends Disposable {
  /** For what the test makes; on the real host's disk. */
  readonly dir: string;
}

/**
 * Moves the test's main thread, and all that it starts, into a network
 * namespace with nothing but loopback, and a mount namespace whose /run, /sys
 * and /var/lib/cni are its own. Disposing of it goes back.
 */
export function enterNetworkHost(): NetworkHost {
  const dir = mkdtempSync(join(tmpdir(), 'network-host-'));
  const home = [
    { fd: openSync('/proc/thread-self/ns/net', 'r'), kind: CLONE.NEWNET },
    { fd: openSync('/proc/thread-self/ns/mnt', 'r'), kind: CLONE.NEWNS },
  ];
  const folder = process.cwd();
  linuxKernel.unshare(CLONE.NEWNET | CLONE.NEWNS);
  linuxKernel.setMountAttributes('/', { propagation: MS.PRIVATE, recursive: true });
  run('mkdir', '-p', '/var/lib/cni');
  for (const target of ['/run', '/var/lib/cni']) {
    linuxKernel.mount({ source: 'test', target, fstype: 'tmpfs' });
  }
  mountSysfs(dir);
  run('ip', 'link', 'set', 'lo', 'up');

  return {
    dir,
    [Symbol.dispose]() {
      // Threads that this one has started since share its root and working directory: setns(2) refuses that.
      linuxKernel.unshare(CLONE.FS);
      for (const { fd, kind } of home) {
        linuxKernel.setNamespace(fd, kind);
        closeSync(fd);
      }
      process.chdir(folder);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** One of the namespace's own, with the cgroups of the real host below it as before. */
function mountSysfs(dir: string): void {
  const cgroups = join(dir, 'cgroup');
  run('mkdir', cgroups);
  run('mount', '--rbind', '/sys/fs/cgroup', cgroups);
  linuxKernel.mount({ source: 'test', target: '/sys', fstype: 'sysfs' });
  run('mount', '--rbind', cgroups, '/sys/fs/cgroup');
  run('umount', '--recursive', '--lazy', cgroups);
}

/** Runs a program on the test's host; gives what it printed. */
export function run(...argv: readonly [string, ...string[]]): string {
  return demandSuccess(
    nodeExec.runSync({ argv, env: NETWORK_ENV, timeoutMs: 30_000 }),
    `run ${argv.join(' ')}`,
  ).stdout.toString();
}

/** Runs a program in a network namespace; gives what it printed. */
export function runIn(netns: string, ...argv: readonly [string, ...string[]]): string {
  return inNetns(linuxKernel, netns, () => run(...argv));
}

/** Whether a TCP server can be reached from a network namespace; what it says. */
export function fetchFrom(netns: string, address: string, port: number): string {
  const command = `exec 3<>/dev/tcp/${address}/${port} && cat <&3`;
  const result = inNetns(linuxKernel, netns, () =>
    nodeExec.runSync({
      argv: ['timeout', '5', 'bash', '-c', command],
      env: NETWORK_ENV,
      timeoutMs: 30_000,
    }),
  );

  return result.exitCode === 0 ? result.stdout.toString() : `exit ${result.exitCode}`;
}

/** Starts a TCP server in a network namespace that says one word to all who come, on both families. */
export async function serveIn(netns: string, port: number, word: string): Promise<Disposable> {
  const program = `require('node:net').createServer((c) => c.end(${JSON.stringify(word)})).listen(${port}, () => console.log('listening'))`;
  const server = inNetns(linuxKernel, netns, () =>
    nodeExec.stream({ argv: [process.execPath, '-e', program], env: NETWORK_ENV }),
  );
  await new Promise<void>((resolve) => server.stdout.once('data', () => resolve()));

  return { [Symbol.dispose]: () => server.kill('SIGKILL') };
}

/** The lines of the host's mount table that name a path. */
export function mountsOf(path: string): readonly string[] {
  return readFileSync('/proc/thread-self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(path));
}
