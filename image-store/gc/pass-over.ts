import { errorCode, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import type { StoreContext } from '../format/context.ts';

/** What is wrong with the machine, the whole store or whoever asks, not with one entry of it. */
const OF_ALL: readonly string[] = [
  'EACCES',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOSPC',
  'EROFS',
];

/** What is wrong with one entry, of our own errors. */
const OF_ONE: readonly string[] = ['LOCK_NOT_A_FILE', 'STORE_DAMAGED'];

/**
 * Says that one entry of the store is left as it is, because it is not what
 * should be there or cannot be removed: it must not keep the others from being
 * collected.
 * @param path of the entry, or what else it is called by
 * @throws the error, when it is not the entry's
 */
export function passOver({ log }: StoreContext, path: string, error: unknown): void {
  const code = errorCode(error);
  if (isGantryError(error)) {
    if (!OF_ONE.includes(error.code)) throw error;
    log.warning(`${error.message}; passing over it`);
    return;
  }
  if (code === undefined || OF_ALL.includes(code)) throw error;
  log.warning(`passing over "${path}": ${fileState(error)}`);
}

/**
 * Does what is to be done with one entry of the store, which may be odd.
 * @returns undefined when it was passed over
 */
export function unlessOdd<Result>(
  context: StoreContext,
  path: string,
  work: () => Result,
): Result | undefined {
  try {
    return work();
  } catch (error) {
    passOver(context, path, error);
    return undefined;
  }
}
