import { type Stats, statSync } from 'node:fs';
import { resolveInside } from '#base/fs/inside';
import type { Identity } from '#stage1';

/** Who is to execute something. */
export interface Runner extends Identity {
  /** Has a capability for which modes of folders do not count. */
  readonly passesAll?: boolean | undefined;
}

/** Who may pass everywhere, whatever the mode, capabilities(7). */
const PASSING: readonly string[] = ['CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH'];

/** Whether one of these capabilities lets its owner pass everywhere. */
export const passesAll = (capabilities: readonly string[]): boolean =>
  capabilities.some((each) => PASSING.includes(each));

/** The mode bits alone, as the kernel looks at them for execution; root needs one of any. */
export function mayExecute({ mode, uid, gid }: Stats, runner: Runner): boolean {
  if (runner.uid === 0) return (mode & 0o111) !== 0;
  if (runner.uid === uid) return (mode & 0o100) !== 0;
  const inGroup = runner.gid === gid || runner.supplementaryGids.includes(gid);

  return (mode & (inGroup ? 0o010 : 0o001)) !== 0;
}

/**
 * Looks for the first folder on the way to a path that is closed to somebody.
 * @param root the app's root file system, with its mounts: a folder like any other
 * @returns why the path cannot be reached; undefined when it can, or is not there
 */
export function closedFolder(root: string, path: string, runner: Runner): string | undefined {
  if (runner.uid === 0 || runner.passesAll === true) return undefined;
  let closed: string | undefined;

  resolveInside(root, path, (folder) => {
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (closed !== undefined || stats?.isDirectory() !== true) return;
    if (!mayExecute(stats, runner)) closed = describeFolder(root, folder, stats);
  });

  return closed;
}

function describeFolder(root: string, folder: string, { mode }: Stats): string {
  const inside = folder.slice(root.length) || '/';

  return `permission denied by the folder "${inside}", mode ${(mode & 0o7777).toString(8)}`;
}
