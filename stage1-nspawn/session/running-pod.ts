import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, GantryError } from '#base/errors/gantry-error';
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
export function demandNotStopping({ root }: RunningPod): void {
  if (!existsSync(`${root}/.`) || existsSync(join(root, STOPPING_MARK))) throw stopping();
}

/** The refusal to do anything in a pod that ends. */
export function stopping(cause?: unknown): GantryError {
  return new GantryError('POD_STOPPING', 'cannot enter the pod: it is ending', { cause });
}

/** Reads a file of stage1. @param path absolute inside it @throws GantryError POD_STOPPING when the pod is gone */
export function readInside({ root }: RunningPod, path: string): string {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '') || existsSync(`${root}/.`))
      throw error;
    throw stopping(error);
  }
}

/** Calls systemctl in the pod, with nothing but the pod's own programs. */
export async function systemctl(
  { exec }: EntrypointHost,
  { pid, root }: RunningPod,
  args: readonly string[],
): Promise<ExecResult> {
  const { loader, libraryPath } = readStage1Root(root);

  return await exec.run({
    argv: [
      join(root, loader),
      '--library-path',
      libraryPath.map((each) => join(root, each)).join(':'),
      join(root, '/usr/bin/nsenter'),
      `--target=${pid}`,
      '--mount',
      '--pid',
      `--root=${root}`,
      `--wd=${root}`,
      '--',
      '/usr/bin/systemctl',
      ...args,
    ],
    env: { PATH: '/usr/bin', LC_ALL: 'C' },
    cwd: '/',
  });
}
