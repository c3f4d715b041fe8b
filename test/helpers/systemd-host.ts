import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';

const checkout = dirname(dirname(import.meta.dirname));
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const BOOT_LIMIT_MS = 90_000;

/** A throwaway copy of this machine with systemd as its first process; what it writes is gone when it is disposed of. */
export interface SystemdHost extends AsyncDisposable {
  /** Runs a program there, outside of any unit. */
  run(...argv: readonly [string, ...string[]]): Promise<ExecResult>;
  /** Runs a program as a transient service and waits for its end. */
  service(properties: readonly string[], ...argv: readonly string[]): Promise<ExecResult>;
  /** A folder on a file system that can be an overlay's upper directory. */
  readonly dataDir: string;
}

/** Which cgroups the host has: as this machine, or version 2 alone. */
export type HostCgroups = 'as-here' | 'v2';

/** Boots the host in a mount namespace of its own, without network; takes about ten seconds. */
export async function bootSystemdHost(cgroups: HostCgroups = 'as-here'): Promise<SystemdHost> {
  const folder = mkdtempSync(join(tmpdir(), 'systemd-host-'));
  const root = join(folder, 'root');
  mkdirSync(root);
  const variables = `SYSTEMD_SECCOMP=0${cgroups === 'v2' ? ' SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1' : ''}`;
  const nspawn = `${variables} exec systemd-nspawn --quiet --register=no --keep-unit -D ${root} --volatile=overlay`;
  // It has a /tmp of its own, and the checkout may lie in the other one.
  const flags = `--bind-ro=${checkout} --private-network --capability=all --link-journal=no -b`;
  const script = `mount --bind / ${root} && ${nspawn} ${flags} </dev/null >/dev/null 2>&1`;
  const container = nodeExec.stream({
    argv: ['unshare', '--mount', '--propagation=private', 'sh', '-c', script],
    env: ENVIRONMENT,
  });

  const init = await firstChild(container.pid);
  const enter = [
    'nsenter',
    '-t',
    String(init),
    '-m',
    '-u',
    '-i',
    '-n',
    '-p',
    '-C',
    '-r',
    '-w',
  ] as const;
  const run: SystemdHost['run'] = async (...argv) =>
    await nodeExec.run({ argv: [...enter, ...argv], env: ENVIRONMENT, timeoutMs: 120_000 });
  await untilRunning(run);
  const dataDir = '/run/gantry-test-data';
  await run('mkdir', dataDir);
  await run('mount', '-t', 'tmpfs', 'tmpfs', dataDir);

  return {
    dataDir,
    run,
    service: async (properties, ...argv) =>
      await run('systemd-run', '--quiet', '--pipe', '--wait', ...properties, ...argv),
    async [Symbol.asyncDispose]() {
      container.kill('SIGKILL');
      try {
        process.kill(init, 'SIGKILL');
      } catch {
        // It has gone with its parent.
      }
      await container.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The container's first process: the child of the systemd-nspawn that `unshare` and `sh` became. */
async function firstChild(pid: number): Promise<number> {
  for (const deadline = Date.now() + BOOT_LIMIT_MS; Date.now() < deadline; await sleep(50)) {
    const children = readIfThere(`/proc/${pid}/task/${pid}/children`)
      .trim()
      .split(' ')
      .filter(Boolean);
    const found = children
      .map(Number)
      .find((child) => readIfThere(`/proc/${child}/comm`).trim() === 'systemd');
    if (found !== undefined) return found;
  }
  throw new Error('the host did not start');
}

async function untilRunning(run: SystemdHost['run']): Promise<void> {
  let state = '';
  for (const deadline = Date.now() + BOOT_LIMIT_MS; Date.now() < deadline; await sleep(200)) {
    state = (await run('systemctl', 'is-system-running')).stdout.toString().trim();
    if (state === 'running' || state === 'degraded') return;
  }
  throw new Error(`the host did not come up: ${state}`);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
