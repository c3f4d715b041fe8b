import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import type { EntrypointHost } from '#stage1';
import { whenPodEnds } from './pod-end.ts';

/**
 * Waits for the exit status of a command that has ended or is about to, or for
 * the end of its pod.
 * @param path where the status will be written, on the host
 * @param patience ends the wait
 * @returns undefined when the pod ended, or patience, without one
 */
export async function watchStatus(
  host: EntrypointHost,
  path: string,
  patience?: AbortSignal,
): Promise<number | undefined> {
  const known = readStatus(path);
  if (known !== undefined) return known;

  const done = new AbortController();
  const signal = patience === undefined ? done.signal : AbortSignal.any([done.signal, patience]);
  const podEnded = whenPodEnds(host, signal);
  try {
    return await Promise.race([statusAt(path, signal), podEnded.then(() => readStatus(path))]);
  } finally {
    done.abort();
    await podEnded;
  }
}

/** The exit status that a file holds, if it is there and whole. */
export function readStatus(path: string): number | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return /^\d{1,3}\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}

async function statusAt(path: string, signal: AbortSignal): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const look = (): void => {
      const status = readStatus(path);
      if (status !== undefined || signal.aborted) finish(status);
    };
    const watcher = watchFolder(dirname(path), look);
    const finish = (status: number | undefined): void => {
      watcher?.close();
      resolve(status);
    };
    signal.addEventListener('abort', () => finish(undefined), { once: true });
    look();
  });
}

/** The folder goes with the pod, whose end somebody else waits for. */
function watchFolder(path: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(path, onChange).once('error', () => {});
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}
