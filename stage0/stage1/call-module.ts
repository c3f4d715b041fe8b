import { errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import type { Entrypoint, EntrypointHost, EntrypointName } from '#stage1';
import { type Flavor, isOwn } from './flavor.ts';

/** How an entrypoint in JavaScript is called. */
export interface ModuleCall {
  readonly flavor: Flavor;
  readonly name: EntrypointName;
  readonly host: EntrypointHost;
}

const LAST_STATUS = 255;

/**
 * Calls an entrypoint that has been loaded.
 * @returns its exit status
 * @throws GantryError what it throws of ours, STAGE1_FAILED for whatever else goes wrong in one that others made
 */
export async function callModule(
  entrypoint: Entrypoint,
  { flavor, name, host }: ModuleCall,
): Promise<number> {
  using trouble = watchForTrouble(name, !isOwn(flavor));
  try {
    const status: unknown = await Promise.race([trouble.failed, called(entrypoint, host)]);
    if (isStatus(status)) return status;
    throw new Error(`its "${name}" returned ${shown(status)}, which is no exit status`);
  } catch (error) {
    throw blame(flavor, error);
  }
}

/** An error as it is told when it came out of a stage1: a bug of gantry's only in one of the program's own. */
export function blame(flavor: Flavor, error: unknown): unknown {
  return isOwn(flavor) || isGantryError(error) ? error : stage1Failed(flavor.name, error);
}

/** That a stage1 which others made has failed. */
export function stage1Failed(name: string, cause: unknown): GantryError {
  const [what = ''] = errorMessage(cause).split('\n');

  return new GantryError('STAGE1_FAILED', `stage1 "${name}" failed: ${what}`, {
    hint: 'tell those who made the stage1; --debug shows where it failed',
    cause,
  });
}

/** What it throws is what it rejects with. */
async function called(entrypoint: Entrypoint, host: EntrypointHost): Promise<unknown> {
  return await entrypoint(host);
}

const isStatus = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LAST_STATUS;

const shown = (value: unknown): string =>
  typeof value === 'number' || value === undefined
    ? String(value)
    : `a value of type ${typeof value}`;

interface Trouble extends Disposable {
  /** Rejects when the process is about to end without the entrypoint, or something was thrown that nobody caught. */
  readonly failed: Promise<never>;
}

/** Those that nobody caught anything of yet; whose it is cannot be told. */
const waiting = new Set<(error: unknown) => void>();

function watchForTrouble(name: EntrypointName, catching: boolean): Trouble {
  const { promise, reject } = Promise.withResolvers<never>();
  const atEnd = (): void => reject(new Error(`its "${name}" waits for something that never comes`));
  promise.catch(() => {});
  process.once('beforeExit', atEnd);
  if (catching) startCatching(reject);

  return {
    failed: promise,
    [Symbol.dispose]() {
      process.off('beforeExit', atEnd);
      if (catching) stopCatching(reject);
    },
  };
}

function startCatching(reject: (error: unknown) => void): void {
  waiting.add(reject);
  if (process.hasUncaughtExceptionCaptureCallback()) return;
  process.setUncaughtExceptionCaptureCallback((error) => {
    for (const each of waiting) each(error);
  });
}

function stopCatching(reject: (error: unknown) => void): void {
  waiting.delete(reject);
  if (waiting.size === 0) process.setUncaughtExceptionCaptureCallback(null);
}
