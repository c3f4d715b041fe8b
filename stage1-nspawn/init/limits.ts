import { type Kernel, RLIMIT, type Rlimit } from '#base/kernel/kernel';
import { type CallerState, openFilesOf } from '#stage1';
import type { Limits } from '../units/app-unit.ts';

/** The limits of the caller; nspawn and PID 1 have their own idea of most soft ones. */
export function callerLimits(kernel: Kernel, caller: CallerState): Limits {
  const limits = Object.entries(RLIMIT).map(([name, resource]): readonly [string, Rlimit] => [
    name,
    kernel.getRlimit(resource),
  ]);

  return { ...Object.fromEntries(limits), NOFILE: openFilesOf(kernel, caller) };
}
