import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { RLIMIT } from '#base/kernel/kernel';
import { ENVIRONMENT, type TimedCommand } from './measure.ts';

/** podman with a store of its own and one image in it. */
export interface Podman extends Disposable {
  /** `podman run --rm --network=NETWORK IMAGE COMMAND…` */
  run(network: string, ...command: readonly string[]): TimedCommand;
  /** `podman run --detach --network=host IMAGE COMMAND…` */
  detach(...command: readonly string[]): TimedCommand;
  /** Takes all containers away, whatever they do. */
  clear(): Promise<void>;
  /** A server on the default network: `podman run --rm --interactive --publish=PORTS IMAGE COMMAND…` */
  serve(ports: string, ...command: readonly string[]): TimedCommand;
}

const UNIFIED = '/sys/fs/cgroup/unified';

/**
 * Imports a root file system into a fresh podman store. podman's default
 * runtime, crun, refuses hosts with hybrid cgroups; there it runs in a mount
 * namespace that shows it version 1 only, which costs it the millisecond that
 * nsenter takes.
 */
export async function preparePodman(folder: string, rootfsTar: string): Promise<Podman> {
  mkdirSync(folder, { recursive: true });
  const namespace = existsSync(UNIFIED) ? startNamespace() : undefined;
  const enter = namespace === undefined ? [] : ['nsenter', `--mount=/proc/${namespace.pid}/ns/mnt`];
  const configuration = join(folder, 'containers.conf');
  writeFileSync(configuration, `[containers]\ndefault_ulimits = [${limits()}]\n`);
  const env = { ...ENVIRONMENT, CONTAINERS_CONF: configuration };
  const podman = [
    ...enter,
    'podman',
    '--root',
    join(folder, 'root'),
    '--runroot',
    join(folder, 'runroot'),
  ];
  const argv = (...args: readonly string[]): [string, ...string[]] =>
    [...podman, ...args] as [string, ...string[]];

  demandSuccess(
    await nodeExec.run({ argv: argv('import', rootfsTar, 'bench:1'), env }),
    'import the image into podman',
  );

  return {
    run: (network, ...command) => ({
      argv: argv('run', '--rm', `--network=${network}`, 'bench:1', ...command),
      env,
    }),
    serve: (ports, ...command) => ({
      argv: argv('run', '--rm', '--interactive', `--publish=${ports}`, 'bench:1', ...command),
      env,
    }),
    detach: (...command) => ({
      argv: argv('run', '--detach', '--network=host', 'bench:1', ...command),
      env,
    }),
    async clear() {
      const remove = argv('rm', '--force', '--all', '--time=0');
      demandSuccess(await nodeExec.run({ argv: remove, env }), 'remove all containers');
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
    env: ENVIRONMENT,
  });
}
