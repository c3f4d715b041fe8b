import { GantryError, isGantryError } from '#base/errors/gantry-error';

/** What was typed is not a command line of ours. */
export const BAD_USAGE = 'BAD_USAGE';

/** A word of the command line that means nothing; it carries what could have been meant. */
export type UnknownWordError = GantryError<typeof BAD_USAGE> & {
  readonly unknown: string;
  readonly candidates: readonly string[];
  /** What else could be wrong, in the place of where to read more. */
  readonly note?: string;
};

/** An error about what the user typed. */
export function usageError(message: string, hint?: string): GantryError<typeof BAD_USAGE> {
  return new GantryError(BAD_USAGE, message, { hint });
}

/** An error about a word that means nothing. @param what `flag`, `command`, … */
export function unknownWord(
  what: string,
  unknown: string,
  candidates: readonly string[],
): UnknownWordError {
  const shown = unknown.startsWith('-') ? unknown : `"${unknown}"`;
  return Object.assign(usageError(`unknown ${what} ${shown}`), { unknown, candidates });
}

/** Whether an error is about a word that means nothing. */
export function isUnknownWord(error: unknown): error is UnknownWordError {
  return isGantryError(error, BAD_USAGE) && 'candidates' in error;
}

const LEAVE_OUT = 'leave it out: nothing that was asked for is ignored in silence';
/** A bare `--net` means the network `default`, so that `--net host` names an image. */
const NETWORKS = 'there are --net=host and --net=none, written with the equals sign';

/**
 * Refuses flags whose features this version does not have yet: before anything
 * is fetched or made for them.
 * @throws GantryError NOT_SUPPORTED when there is one
 */
export function refuseUnsupported(flags: readonly string[]): void {
  if (flags.length === 0) return;

  const verb = flags.length === 1 ? 'is' : 'are';
  throw new GantryError(
    'NOT_SUPPORTED',
    `${flags.join(', ')} ${verb} not supported by this version of gantry`,
    { hint: flags.some((flag) => flag.startsWith('--net=')) ? NETWORKS : LEAVE_OUT },
  );
}
