import { GantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';

/** Bytes between two reports. */
const REPORT_EVERY = 256 * 1024;

const VERBS = { fetching: 'fetch', pushing: 'push', extracting: 'extract' } as const;

/** What is moved, and for whom. */
export interface ReportedWork {
  readonly log: Log;
  readonly signal: AbortSignal | undefined;
  /** As the progress names it. */
  readonly id: string;
  /** As errors name it, with quotes where they are due. */
  readonly what: string;
  /** What is done with it; `fetching` unless told. */
  readonly action?: keyof typeof VERBS | undefined;
  /** In bytes, where that is known. */
  readonly total: number | undefined;
}

/**
 * Reports bytes on their way, and how they end.
 * @throws GantryError FETCH_CANCELLED
 */
export async function* reported(
  chunks: AsyncGenerator<Buffer, void, undefined>,
  { log, signal, id, what, action = 'fetching', total }: ReportedWork,
): AsyncGenerator<Buffer, void, undefined> {
  const work = { id, action, total, unit: 'bytes' } as const;
  let [done, told, failed] = [0, 0, true];
  try {
    for await (const chunk of chunks) {
      if (signal?.aborted === true) throw cancelled(VERBS[action], what, signal);
      done += chunk.length;
      if (done - told >= REPORT_EVERY) {
        log.progress({ ...work, done });
        told = done;
      }
      yield chunk;
    }
    failed = false;
  } finally {
    log.progress({ ...work, done, finished: true, failed });
  }
}

function cancelled(verb: string, what: string, signal: AbortSignal): GantryError {
  return new GantryError('FETCH_CANCELLED', `cannot ${verb} ${what}: cancelled`, {
    cause: signal.reason,
  });
}
