import { GantryError } from '#base/errors/gantry-error';

/** What was typed is not a command line of ours. */
export const BAD_USAGE = 'BAD_USAGE';

/** A word of the command line that means nothing; it carries what could have been meant. */
export type UnknownWordError = GantryError<typeof BAD_USAGE> & {
  readonly unknown: string;
  readonly candidates: readonly string[];
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

/** An error about a flag whose feature this version does not have yet. */
export function notSupported(what: string): GantryError<'NOT_SUPPORTED'> {
  return new GantryError('NOT_SUPPORTED', `${what} is not supported by this version of gantry`, {
    hint: 'leave it out; ignoring it could make the pod less safe than you asked for',
  });
}
