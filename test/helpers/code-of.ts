import { errorMessage, isGantryError } from '#base/errors/gantry-error';

/** The code with which an action is refused; undefined where it is not. Any other error is thrown on. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return codeFrom(error);
  }
  return undefined;
}

/** {@link codeOf}, of what takes its time. */
export async function codeOfAsync(action: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await action();
  } catch (error) {
    return codeFrom(error);
  }
  return undefined;
}

/** The code and the message with which an action is refused; `accepted` where it is not. Any other error is thrown on. */
export function refusalOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return `${codeFrom(error)}: ${errorMessage(error)}`;
  }
  return 'accepted';
}

function codeFrom(error: unknown): string {
  if (isGantryError(error)) return error.code;
  throw error;
}
