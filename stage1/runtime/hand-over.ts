import { fstatSync } from 'node:fs';
import { type Fd, type Kernel, RLIMIT, type Rlimit } from '#base/kernel/kernel';
import type { CallerState } from '../contract/entrypoint.ts';

/** What takes this process's place. */
export interface Successor {
  /** Absolute, as this process sees it. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors that it gets beside 0, 1 and 2. */
  readonly keep: readonly Fd[];
}

const STANDARD_FDS: readonly Fd[] = [0, 1, 2];

/** The first descriptor that is not standard input or output; also the first of socket activation, sd_listen_fds(3). */
const FIRST_FD = 3;

/** Signals whose disposition nobody can set, and the two that libc keeps to itself: signal(7). */
const UNSETTABLE: readonly number[] = [9, 19, 32, 33];
const LAST_SIGNAL = 64;

/**
 * Becomes another program, which finds everything as the caller of gantry had
 * it: descriptors, soft limit on open files, umask, ignored and blocked signals.
 * Returns only by an error, and then with all that done.
 * @throws GantryError KERNEL_CALL_FAILED
 */
export function handOver(kernel: Kernel, caller: CallerState, successor: Successor): never {
  kernel.closeOnExecFrom(FIRST_FD);
  // Node has marked standard input and output too.
  for (const fd of [...STANDARD_FDS, ...successor.keep]) kernel.setCloseOnExec(fd, false);
  restoreOpenFiles(kernel, caller);
  restoreUmask(kernel, caller);
  restoreSignals(kernel, caller);

  return kernel.execve(successor.path, successor.argv, successor.env);
}

/** Puts back the soft limit that Node raised to the hard one. */
export function restoreOpenFiles(kernel: Kernel, caller: CallerState): void {
  const { soft } = kernel.getRlimit(RLIMIT.NOFILE);
  const wanted = openFilesOf(kernel, caller);
  if (wanted.soft < soft) kernel.setRlimit(RLIMIT.NOFILE, wanted);
}

/** RLIMIT_NOFILE as the caller had it, however it is in this process. */
export function openFilesOf(kernel: Kernel, { softNofile }: CallerState): Rlimit {
  const { soft, hard } = kernel.getRlimit(RLIMIT.NOFILE);

  return { soft: softNofile !== undefined && softNofile < soft ? softNofile : soft, hard };
}

/** Puts back the umask under which gantry was called. */
export function restoreUmask(kernel: Kernel, { umask }: CallerState): void {
  if (umask !== undefined) kernel.umask(umask);
}

/** Node ignores SIGPIPE and SIGXFSZ, and sets handlers where the caller ignored. */
function restoreSignals(kernel: Kernel, { ignoredSignals, blockedSignals }: CallerState): void {
  for (let signal = 1; signal <= LAST_SIGNAL; signal += 1) {
    if (UNSETTABLE.includes(signal)) continue;
    kernel.setSignalDisposition(signal, ignoredSignals.includes(signal) ? 'ignore' : 'default');
  }
  kernel.setBlockedSignals(blockedSignals);
}

/** The variables of socket activation, sd_listen_fds(3). */
const LISTEN_VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'] as const;

/** Sockets that the service manager passed to gantry, for what takes its place. */
export interface SocketActivation {
  readonly fds: readonly Fd[];
  /** The variables that tell of them; they hold on, for the process number stays. */
  readonly env: Readonly<Record<string, string>>;
}

/** Finds the sockets passed to this very process; none when the variables are meant for another. */
export function socketActivation(
  env: Readonly<Record<string, string>>,
  pid: number = process.pid,
): SocketActivation {
  const count = Number(env['LISTEN_FDS'] ?? 'none');
  if (env['LISTEN_PID'] !== String(pid) || !Number.isInteger(count) || count < 1 || count > 4096) {
    return { fds: [], env: {} };
  }

  const fds = Array.from({ length: count }, (_, index) => FIRST_FD + index).filter(isOpen);
  const told = LISTEN_VARIABLES.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });

  return { fds, env: Object.fromEntries(told) };
}

function isOpen(fd: Fd): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}
