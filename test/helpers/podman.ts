import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { RLIMIT } from '#base/kernel/kernel';

const UNIFIED = '/sys/fs/cgroup/unified';
const PATH = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** podman with a store of its own. */
export interface OwnPodman extends Disposable {
  readonly argv: (...args: readonly string[]) => [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Runs it to its end. @returns what it writes to standard output @throws GantryError EXEC_FAILED */
  run(...args: readonly string[]): Promise<string>;
}

/**
 * Opens a fresh podman store. podman's default runtime, crun, refuses hosts with
 * hybrid cgroups; there it runs in a mount namespace that shows it version 1
 * only, which costs it the millisecond that nsenter takes.
 * @param folder made when it is not there
 */
export function openPodman(
  folder: string,
  variables: Readonly<Record<string, string>> = PATH,
): OwnPodman {
  mkdirSync(folder, { recursive: true });
  const namespace = existsSync(UNIFIED) ? startNamespace() : undefined;
  const enter = namespace === undefined ? [] : ['nsenter', `--mount=/proc/${namespace.pid}/ns/mnt`];
  const configuration = join(folder, 'containers.conf');
  writeFileSync(configuration, `[containers]\ndefault_ulimits = [${limits()}]\n`);
  const env = { ...variables, CONTAINERS_CONF: configuration };
  const roots = ['--root', join(folder, 'root'), '--runroot', join(folder, 'runroot')];
  const argv = (...args: readonly string[]): [string, ...string[]] =>
    [...enter, 'podman', ...roots, ...args] as [string, ...string[]];

  return {
    argv,
    env,
    async run(...args) {
      const result = await nodeExec.run({ argv: argv(...args), env });
      demandSuccess(result, `podman ${args.join(' ')}`);
      return result.stdout.toString();
    },
    [Symbol.dispose]: () => namespace?.kill('SIGKILL'),
  };
}

/** Limits that this process may set: podman's own defaults need CAP_SYS_RESOURCE. */
function limits(): string {
  const { hard } = linuxKernel.getRlimit(RLIMIT.NOFILE);
  const nproc = linuxKernel.getRlimit(RLIMIT.NPROC).hard;
  const shown = (limit: bigint): string => (limit > 1_000_000n ? '1000000' : String(limit));

  return `"nofile=1024:${shown(hard)}", "nproc=1024:${nproc > 1024n ? '1024' : String(nproc)}"`;
}

function startNamespace(): { readonly pid: number; kill(signal: NodeJS.Signals): void } {
  // It lives no longer than this process, which holds its standard input.
  const script = `umount ${UNIFIED} && exec cat >/dev/null`;
  return nodeExec.stream({
    argv: ['unshare', '--mount', '--propagation=private', 'sh', '-c', script],
    env: PATH,
  });
}
