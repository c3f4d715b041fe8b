import { setTimeout as sleep } from 'node:timers/promises';
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
  const wait = Math.min(Math.max(grown, asked ?? 0), retries.maxDelay);

  await sleep(wait, undefined, signal === undefined ? {} : { signal });
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
