import type { PodUuid } from '#schema/types/pod-uuid';
import { findPod, type PodSelector } from '../operations/list.ts';
import { usageError } from './usage-error.ts';
import type { Workplace } from './workplace.ts';

/** The flag by which a pod may be named by a file that `run --uuid-file-save` wrote. */
export const UUID_FILE_OPTION = {
  'uuid-file': {
    kind: 'value',
    value: 'FILE',
    summary: 'a file that holds the UUID, in place of the argument',
  },
} as const;

/**
 * Which pods are meant by arguments or a file.
 * @throws GantryError BAD_USAGE when it is neither or both
 */
export function readSelectors(
  words: readonly string[],
  uuidFile: string | undefined,
): readonly PodSelector[] {
  if (uuidFile !== undefined && words.length > 0) {
    throw usageError('a UUID and --uuid-file exclude each other');
  }
  if (uuidFile !== undefined) return [{ uuidFile }];
  if (words.length === 0)
    throw usageError('no pod is given', 'name it by its UUID, a beginning of it, or its name');

  return words.map((uuid) => ({ uuid }));
}

/** The one pod that is meant. @throws GantryError BAD_USAGE, POD_NOT_FOUND, POD_AMBIGUOUS, UUID_FILE_UNREADABLE */
export function findOnePod(
  { context }: Workplace,
  words: readonly string[],
  uuidFile: string | undefined,
): PodUuid {
  const [selector, other] = readSelectors(words, uuidFile);
  if (selector === undefined || other !== undefined) throw usageError('only one pod can be given');

  return findPod(context, selector);
}
