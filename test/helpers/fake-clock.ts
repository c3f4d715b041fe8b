import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecResult } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';
import type { PodContext } from './pod-context.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NO_FAKE_STAT: '1' };

/**
 * Runs gantry with the clock of the machine set otherwise: its programs alone
 * see that, files keep their times, and the monotonic clock goes on.
 * @param clock as faketime(1) takes it after `-f`: `+2m`, `-25h`
 */
export async function withClock(
  context: PodContext,
  clock: string,
  args: readonly string[],
): Promise<ExecResult> {
  const set = ['faketime', '-m', '--exclude-monotonic', '-f', clock] as const;

  return await nodeExec.run({
    argv: [...set, ...context.argv(...args)],
    env: ENVIRONMENT,
    timeoutMs: 60_000,
  });
}

/** Runs gantry, and sets the clock of the machine while it runs. @param afterMs when it is set */
export async function whileClockJumps(
  context: PodContext,
  { clock, afterMs }: { readonly clock: string; readonly afterMs: number },
  args: readonly string[],
): Promise<ExecResult> {
  const file = join(context.workDir, 'clock');
  writeFileSync(file, '+0');
  const [library = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');
  const running = context.gantry(args, {
    env: {
      ...ENVIRONMENT,
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  setTimeout(() => writeFileSync(file, clock), afterMs);

  return await running;
}
