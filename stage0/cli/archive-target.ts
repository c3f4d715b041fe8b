import { isatty } from 'node:tty';
import { type ArchiveTarget, refuseTerminal } from '#image-store';
import type { Call } from './command.ts';

/**
 * Where an archive goes: a file, or `-`, standard output; `./-` is the file of that name.
 * @throws GantryError OUTPUT_IS_TERMINAL
 */
export function archiveTarget(
  { output }: Call,
  path: string,
  overwrite: boolean | undefined,
): ArchiveTarget {
  if (path !== '-') return { path, overwrite };
  refuseTerminal(isatty(1));

  return output;
}
