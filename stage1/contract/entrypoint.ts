import type { Exec } from '#base/exec/exec';
import type { Fd, Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';

/**
 * What the caller of `gantry` had and Node or gantry changed: handed to what replaces
 * the process, so that an app sees its caller's and not Node's.
 */
export interface CallerState {
  /** Soft RLIMIT_NOFILE; undefined for unlimited or unknown. */
  readonly softNofile: bigint | undefined;
  /** Numbers of the signals that the caller ignored. */
  readonly ignoredSignals: readonly number[];
  /** Numbers of the signals that the caller had blocked. */
  readonly blockedSignals: readonly number[];
  /** Undefined where gantry has not changed it. */
  readonly umask?: number | undefined;
}

/**
 * What an entrypoint in JavaScript is handed by the process that loads it. The
 * entrypoint brings no native code, so that a newer gantry runs an older stage1.
 */
export interface EntrypointHost {
  /** 1; members are only ever added. */
  readonly version: 1;
  readonly kernel: Kernel;
  readonly exec: Exec;
  readonly log: Log;
  /** As an executable would be given them: `argv[0]` is the entrypoint's path. */
  readonly argv: readonly string[];
  /** The environment of the contract (`RKT_LOCK_FD`, …) on top of the caller's. */
  readonly env: Readonly<Record<string, string>>;
  /** The pod directory, which is also the working directory. */
  readonly podDir: string;
  readonly caller: CallerState;
  /**
   * The mount namespace that gantry was called in, open, for `run`: a volume
   * whose mounts go back to the host is copied there.
   */
  readonly callerMounts?: Fd | undefined;
  /** How to start gantry itself, for the waiter that releases a pod when it ends: `[path, ...global flags]`. */
  readonly gantry: readonly [string, ...string[]];
}

/** Endings of entrypoints that are loaded into the running process; anything else is executed. */
export const LOADED_ENTRYPOINT: RegExp = /\.[cm]?js$/;

/**
 * What an entrypoint module exports as `entrypoint`. `run` ends in an execve and
 * does not return unless something failed; the others return an exit code, or
 * `enter` ends in an execve too. What fails in a way that the user must see is thrown; an exit
 * code other than 0 that is returned has been explained in the log.
 */
export type Entrypoint = (host: EntrypointHost) => Promise<number>;
