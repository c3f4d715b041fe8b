import { statSync } from 'node:fs';
import { MASKED_PATHS } from '#stage1';

/**
 * The arguments by which nspawn masks what no app may see below /proc, once for
 * the pod: systemd would do it for every app, reading the whole mount table for
 * every path. What is to be read-only there, nspawn makes so by itself.
 * @param kindOf a look at this kernel's /proc
 */
export function maskArguments(kindOf: (path: string) => PathKind = look): readonly string[] {
  return MASKED_PATHS.filter((path) => path.startsWith('/proc/')).flatMap((path) => [
    ...MASKS[kindOf(path)](path),
  ]);
}

const MASKS: Readonly<Record<PathKind, (path: string) => readonly string[]>> = {
  file: (path) => [`--bind=/dev/null:${path}:norbind`],
  directory: (path) => [`--tmpfs=${path}:ro,mode=000,size=4k`],
  absent: () => [],
};

export type PathKind = 'file' | 'directory' | 'absent';

function look(path: string): PathKind {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 'absent';

  return stats.isDirectory() ? 'directory' : 'file';
}
