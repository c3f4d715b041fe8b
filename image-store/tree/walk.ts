import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '#base/kernel/kernel';
import { type EntryStat, readEntryStat, STATX_SIZE } from './entry-stat.ts';

/** One entry of a tree on disk. */
export interface WalkedEntry {
  /** Below the root, without a leading slash; empty for the root itself. */
  readonly path: string;
  readonly stat: EntryStat;
  /** The `struct statx` behind it; valid until the next entry. */
  readonly record: Buffer;
}

/**
 * Walks a tree, the root first, names of a directory in the order of their
 * code units; follows no link and does not mind what it passes.
 * @param root the tree's root directory
 */
export function* walkTree(kernel: Kernel, root: string): Generator<WalkedEntry> {
  const dir = openSync(root, 'r');
  const record = Buffer.alloc(STATX_SIZE);
  try {
    const pending: string[] = [''];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      if (!kernel.statEntry(dir, path === '' ? '.' : path, record)) continue;
      const stat = readEntryStat(record);
      yield { path, stat, record };
      if (stat.kind !== 'directory') continue;

      // The stack gives back last what is pushed first.
      const names = readdirSync(join(root, path)).sort().reverse();
      for (const name of names) pending.push(path === '' ? name : `${path}/${name}`);
    }
  } finally {
    closeSync(dir);
  }
}
