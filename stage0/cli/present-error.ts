import {
  causeChain,
  errorMessage,
  GantryError,
  isGantryError,
  redact,
} from '#base/errors/gantry-error';
import { obstacleOf } from '#base/errors/obstacle';
import { writeAll } from '#base/log/log';
import { EXIT } from './exit-status.ts';
import { printableLines } from './printable.ts';
import type { UnknownWordError } from './usage-error.ts';

export interface PresentOptions {
  /** The command's full name, empty when it never came to one. */
  readonly name: string;
  /** Whether to show codes and stacks of the whole chain. */
  readonly debug: boolean;
}

/**
 * Shows an error on standard error: the message, its causes as an indented
 * tree, a hint. What is neither an error of ours nor something that the machine
 * has against it is a bug and shown with its stack.
 * @returns the exit status that it amounts to
 */
export async function presentError(thrown: unknown, options: PresentOptions): Promise<number> {
  const error = firstFailure(thrown);
  const hint = hintOf(error) ?? (await suggestion(error, options.name));
  writeAll(2, printableLines(redact(formatError(error, { ...options, hint }))));

  return EXIT.failure;
}

/** What failed first, where cleaning up after it failed too: that follows from it more often than not. */
function firstFailure(error: unknown): unknown {
  return error instanceof SuppressedError ? firstFailure(error.suppressed) : error;
}

/** The text of an error, a line break at its end. */
export function formatError(
  error: unknown,
  { name, debug, hint }: PresentOptions & { readonly hint: string | undefined },
): string {
  const program = name === '' ? 'gantry' : `gantry ${name}`;
  const obstacle = obstacleOf(error);
  const [message = '', ...causes] = [
    ...(obstacle === undefined ? [] : [`cannot go on${objectOf(error)}: ${obstacle.state}`]),
    ...causeChain(error),
  ];
  const isBug = obstacle === undefined && !isGantryError(error);
  const lines = [`${program}: ${message}`];
  causes.forEach((cause, depth) => lines.push(`${'  '.repeat(depth + 1)}└─ ${cause}`));
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  if (debug || isBug) lines.push(...stacks(error));
  if (isBug) lines.push('This is a bug in gantry, please report it.');

  return `${lines.join('\n')}\n`;
}

/** What a system call failed with, where it had a path. */
function objectOf(error: unknown): string {
  const isAt = typeof error === 'object' && error !== null && 'path' in error;

  return isAt && typeof error.path === 'string' ? ` with "${error.path}"` : '';
}

/** The hint of the outermost error that has one. */
function hintOf(error: unknown): string | undefined {
  return chain(error)
    .map((one) => (isGantryError(one) ? one.hint : obstacleOf(one)?.hint))
    .find((hint) => hint !== undefined);
}

function stacks(error: unknown): readonly string[] {
  return chain(error).flatMap((one) => {
    const code = one instanceof GantryError || isGantryError(one) ? `[${one.code}] ` : '';
    const stack =
      typeof one === 'object' && one !== null && 'stack' in one ? String(one.stack) : '';

    return ['', `${code}${stack === '' ? errorMessage(one) : stack}`];
  });
}

/** An error, its causes, and the members of aggregates, each once. */
function chain(error: unknown): readonly unknown[] {
  const found = new Set<unknown>();
  const visit = (one: unknown): void => {
    if (one === undefined || found.has(one)) return;
    found.add(one);
    if (typeof one !== 'object' || one === null) return;
    if ('errors' in one && Array.isArray(one.errors)) one.errors.forEach(visit);
    if ('cause' in one) visit(one.cause);
  };
  visit(error);

  return [...found];
}

async function suggestion(error: unknown, name: string): Promise<string | undefined> {
  if (!isGantryError(error, 'BAD_USAGE')) return undefined;

  const help = `"gantry help${name === '' ? '' : ` ${name}`}" tells more`;
  if (!('candidates' in error)) return help;

  const { closest } = await import('./suggest.ts');
  const { unknown, candidates, note = help } = error as UnknownWordError;
  const near = await closest(unknown, candidates);
  return near === undefined ? note : `did you mean ${near}? ${note}`;
}
