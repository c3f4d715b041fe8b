import { GantryError, isGantryError } from '#base/errors/gantry-error';

interface WithFurther {
  readonly firstFailure: GantryError;
  readonly furtherFailures: readonly GantryError[];
}

/**
 * The first failure with those that followed it: what failed while things were
 * undone, or while the rest was done all the same. Code and `failure` are those
 * of the first, and so is the hint unless told.
 */
export function withFurtherFailures(
  first: GantryError,
  further: readonly GantryError[],
  hint: string | undefined = first.hint,
): GantryError {
  if (further.length === 0) return first;

  const all = [...furtherFailuresOf(first), ...further];
  const words = further.map(({ message }) => message).join('; ');
  const error = new GantryError(first.code, `${first.message}; afterwards: ${words}`, {
    hint,
    cause: first.cause,
  });
  const kept = 'failure' in first ? { failure: first.failure } : {};

  return Object.assign(error, kept, {
    firstFailure: firstFailureOf(first),
    furtherFailures: all,
  } satisfies WithFurther);
}

/** The failure that an error tells of first, by itself. */
export function firstFailureOf(error: GantryError): GantryError {
  return 'firstFailure' in error ? (error as GantryError & WithFurther).firstFailure : error;
}

/** What failed after the failure that an error tells of. */
export function furtherFailuresOf(error: unknown): readonly GantryError[] {
  if (!isGantryError(error) || !('furtherFailures' in error)) return [];

  return (error as GantryError & WithFurther).furtherFailures;
}

/** One of our errors as it is; anything else is a bug and thrown on. */
export function expectGantryError(error: unknown): GantryError {
  if (isGantryError(error)) return error;

  throw error;
}
