import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import type { ExecResult } from '#base/exec/exec';
import type { EntrypointHost } from '#stage1';
import { readStage1Root } from '../aci/stage1-root.ts';
import { STOPPING_MARK } from '../units/base-units.ts';

/** A pod that runs, as the host reaches into it. */
export interface RunningPod {
  /** Its PID 1, as the host counts. */
  readonly pid: number;
  /** Stage1's root file system, with everything mounted in it. */
  readonly root: string;
}

/** @throws GantryError POD_STOPPING */
export function openRunningPod(pid: number): RunningPod {
  const pod = { pid, root: `/proc/${pid}/root` };
  demandNotStopping(pod);

  return pod;
}

/** Refuses a pod that has begun to end. @throws GantryError POD_STOPPING */
export function demandNotStopping(pod: RunningPod): void {
  if (hasEnded(pod) || existsSync(join(pod.root, STOPPING_MARK))) throw stopping();
}

/** Whether a pod's PID 1 is over, and nothing of its file systems can be reached any more. */
export const hasEnded = ({ root }: RunningPod): boolean => !existsSync(`${root}/.`);

/** The refusal to do anything in a pod that ends. */
export function stopping(cause?: unknown): GantryError {
  return new GantryError('POD_STOPPING', 'cannot enter the pod: it is ending', { cause });
}

/**
 * PID 1 ends a pod by stopping, telling and waking everything in its PID namespace,
 * and hears only of its own children that they have ended (systemd-shutdown): so
 * systemctl becomes its child. And who waits for the process in between is a shell
 * outside of the namespace: nsenter stops itself when its child is stopped, stays
 * so, and keeps the namespace from going.
 */
const ADOPTED = '({ systemctl "$@"; echo "$?"; } &); exit';

/**
 * Calls systemctl in the pod, with nothing but the pod's own programs.
 * @returns its exit status, undefined when it was killed with the pod
 */
export async function systemctl(
  { exec }: EntrypointHost,
  { pid, root }: RunningPod,
  args: readonly string[],
): Promise<Pick<ExecResult, 'exitCode' | 'stderr'>> {
  const { loader, libraryPath } = readStage1Root(root);

  const { stdout, stderr } = await exec.run({
    argv: [
      join(root, loader),
      '--library-path',
      libraryPath.map((each) => join(root, each)).join(':'),
      join(root, '/usr/bin/nsenter'),
      `--target=${pid}`,
      '--mount',
      '--pid',
      '--no-fork',
      `--root=${root}`,
      `--wd=${root}`,
      '--',
      '/usr/bin/sh',
      '-c',
      ADOPTED,
      'sh',
      ...args,
    ],
    env: { PATH: '/usr/bin', LC_ALL: 'C' },
    cwd: '/',
  });
  const status = /(\d+)\n$/.exec(stdout.toString())?.[1];

  return { exitCode: status === undefined ? undefined : Number(status), stderr };
}
