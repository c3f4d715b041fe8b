import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { uniqueName } from './unique-name.ts';

export interface AtomicWriteOptions {
  /** Permissions of the new file, exactly, whatever the umask; 0o644 cut by the umask unless told. */
  readonly mode?: number | undefined;
  /** False for what must survive the death of a process but not a power loss: no fsync, a tenth of the time. */
  readonly durable?: boolean | undefined;
}

/**
 * Puts a file in place whole or not at all: temporary file in the same folder,
 * fsync, rename, fsync of the folder.
 */
export function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions = {},
): void {
  const temporary = join(dirname(path), `.${basename(path)}.${uniqueName()}.tmp`);
  const bytes = Buffer.from(data);
  const durable = options.durable ?? true;
  const fd = openSync(temporary, 'wx', options.mode ?? 0o644);
  try {
    try {
      if (options.mode !== undefined) fchmodSync(fd, options.mode);
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    unlinkQuietly(temporary);
    throw error;
  }
  if (durable) syncDir(dirname(path));
}

/** Makes what was renamed into or out of a folder survive a power loss. */
export function syncDir(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Renames within one file system, then makes the move durable on the target's side. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncDir(dirname(to));
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The first failure is the one that matters.
  }
}
