import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  watch,
} from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { errorCode } from '#base/errors/gantry-error';
import { PART_BYTES, PART_DIGITS, TAP_OVER } from '../units/tap.ts';

const CHUNK_BYTES = 64 * 1024;

export interface TailRequest {
  /** The tap's folder. */
  readonly dir: string;
  readonly to: Writable;
  /** Ends it where it is. */
  readonly stop: AbortSignal;
  /** From then on nothing more is to come: what is there is all. */
  readonly podEnd: Promise<unknown>;
  /** Told when so many bytes had gone before they could be read. */
  readonly onLost: (bytes: number) => void;
}

/**
 * Carries what comes into a tap from now on, as it comes. Nobody waits for a
 * client here: one that takes less than comes loses what is in between.
 * @returns when the stream has ended and everything has been carried
 */
export async function tailTap({ dir, to, stop, podEnd, onLost }: TailRequest): Promise<void> {
  const news = watchFolder(dir, stop);
  let podEnded = false;
  podEnd.then(
    () => {
      podEnded = true;
      news.tell();
    },
    () => {},
  );
  let position = endOf(dir);

  while (!stop.aborted) {
    const last = podEnded || existsSync(join(dir, TAP_OVER));
    const told = news.next();
    for (;;) {
      const { bytes, at } = readAt(dir, position);
      if (at > position) onLost(at - position);
      position = at + bytes.length;
      if (bytes.length === 0 || stop.aborted) break;
      if (!to.write(bytes)) await Promise.race([once(to, 'drain'), aborted(stop)]);
    }
    if (last) break;
    await told;
  }
}

/** Numbers of the parts that are there, rising. */
function parts(dir: string): readonly number[] {
  return readdirSync(dir)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

const partPath = (dir: string, part: number): string =>
  join(dir, String(part).padStart(PART_DIGITS, '0'));

/** How many bytes the stream has had. */
function endOf(dir: string): number {
  const last = parts(dir).at(-1);

  return last === undefined ? 0 : last * PART_BYTES + statSync(partPath(dir, last)).size;
}

/** Reads on at a place in the stream, or where the first part begins that is still there. */
function readAt(
  dir: string,
  position: number,
): { readonly at: number; readonly bytes: Uint8Array } {
  for (;;) {
    const part = Math.floor(position / PART_BYTES);
    const bytes = readPart(partPath(dir, part), position % PART_BYTES);
    if (bytes !== undefined) return { at: position, bytes };

    const later = parts(dir).find((each) => each > part);
    if (later === undefined) return { at: position, bytes: new Uint8Array() };
    position = later * PART_BYTES;
  }
}

/** @returns undefined when the part is not there */
function readPart(path: string, offset: number): Uint8Array | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const length = Math.min(CHUNK_BYTES, Math.max(0, fstatSync(fd).size - offset));
    const buffer = Buffer.allocUnsafe(length);
    return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
  } finally {
    closeSync(fd);
  }
}

interface News {
  /** Resolves with the next change from now on. */
  next(): Promise<void>;
  tell(): void;
}

function watchFolder(dir: string, stop: AbortSignal): News {
  let tell = (): void => {};
  const watcher = watch(dir, () => tell());
  // The folder goes with the pod, which somebody else waits for.
  watcher.once('error', () => {});
  stop.addEventListener(
    'abort',
    () => {
      watcher.close();
      tell();
    },
    { once: true },
  );

  return {
    next: () => new Promise((resolve) => (tell = resolve)),
    tell: () => tell(),
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
