/** What every error of ours carries beside its message. */
export interface ErrorDetails {
  /** What the user can do about it, one line, no full stop. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The one error class of the program. `code` is what callers test for and what
 * the front end turns into presentation; the message names the action, the
 * object and the state: `cannot <do> <thing>: <what is so>`. A plain `Error`
 * means a bug. Secrets in the message are redacted here, where it is built.
 */
export class GantryError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly hint: string | undefined;
  /** Tells ours from others across bundles and realms, where `instanceof` lies. */
  readonly isGantryError: boolean = true;

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(redact(message), details.cause === undefined ? {} : { cause: details.cause });
    this.name = 'GantryError';
    this.code = code;
    this.hint = details.hint === undefined ? undefined : redact(details.hint);
  }
}

/** The same error with another message. */
export function reworded({ code, hint, cause }: GantryError, message: string): GantryError {
  return new GantryError(code, message, { hint, cause });
}

/** Whether `error` is ours and, when codes are given, carries one of them. Works across bundles and realms. */
export function isGantryError<Code extends string = string>(
  error: unknown,
  ...codes: readonly Code[]
): error is GantryError<Code> {
  if (typeof error !== 'object' || error === null || !('isGantryError' in error)) return false;

  return codes.length === 0 || codes.includes((error as GantryError<Code>).code);
}

/** The `code` of a failed system call (`ENOENT`, …) or of one of our errors; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;

  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) {
    return String(error.message);
  }

  return String(error);
}

/** The messages of an error and its causes, outermost first; circular causes and what the message before ends with are left out. */
export function causeChain(error: unknown): readonly string[] {
  const messages: string[] = [];
  const seen = new Set<unknown>();

  for (let current = error; current !== undefined && !seen.has(current); ) {
    seen.add(current);
    const message = errorMessage(current);
    if (messages.at(-1)?.endsWith(message) !== true) messages.push(message);
    current =
      typeof current === 'object' && current !== null && 'cause' in current
        ? current.cause
        : undefined;
  }

  return messages;
}

const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/(\/\/)[^/\s@:]+:[^/\s@]+@/g, '$1***:***@'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{6,}/g, '$1 ***'],
  [
    /\b(X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|access_token|token)=[^&\s"']+/gi,
    '$1=***',
  ],
];

/** Takes credentials out of text that is about to be shown: URL userinfo, authorization headers, signed query strings. */
export function redact(text: string): string {
  return SECRETS.reduce(
    (shown, [pattern, replacement]) => shown.replace(pattern, replacement),
    text,
  );
}
