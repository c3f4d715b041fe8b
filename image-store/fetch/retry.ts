import { setTimeout as sleep } from 'node:timers/promises';
import { GantryError } from '#base/errors/gantry-error';
import type { HttpRetries } from './http-options.ts';

export const DEFAULT_RETRIES: HttpRetries = { attempts: 3, delay: 500, maxDelay: 20_000 };

/** One pause between two tries. */
export interface Pause {
  /** Counted from 1: the try that just failed. */
  readonly attempt: number;
  /** Milliseconds that the server asked to wait. */
  readonly asked?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Waits before the next try: twice as long after each, never longer than `maxDelay`, with some chance in it so that clients do not come back all at once. */
export async function pause(
  retries: HttpRetries,
  { attempt, asked, signal }: Pause,
): Promise<void> {
  const grown = retries.delay * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  await wait(Math.min(Math.max(grown, asked ?? 0), retries.maxDelay), signal);
}

/** Waits. @throws GantryError FETCH_CANCELLED */
export async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (cause) {
    throw new GantryError('FETCH_CANCELLED', 'cannot fetch: cancelled', { cause });
  }
}

/**
 * What a `Retry-After` header asks for (RFC 9110, 10.2.3): seconds or a date.
 * @returns milliseconds from `now`, undefined when it says nothing readable
 */
export function retryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;

  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
